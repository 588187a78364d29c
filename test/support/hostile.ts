import fc from 'fast-check'

/** Texts that forms, headers and addresses of strangers are made of. */
export const hostile = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc.constantFrom(
    '',
    ' ',
    '\u0000',
    '\ud800',
    '__proto__',
    "' or 1=1 --",
    '<script>alert(1)</script>',
    '../../etc/passwd',
    '{{7*7}}',
    '%00',
    '１３８００１３８０００',
    '+8613800138000',
    '9'.repeat(300),
    'null',
    '-1',
    '[]',
    '{}',
    'a@b.c',
  ),
)
