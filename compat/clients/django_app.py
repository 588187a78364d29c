"""What the two Django clients have in common: settings of one file, and a page that says who is logged in."""

import django
from django.conf import settings
from django.core.management import call_command
from django.http import HttpResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect

from steps import PORT


def configure(app, backend, **more):
    settings.configure(
        DEBUG=True,
        SECRET_KEY="a secret of the app, for its cookies",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF="__main__",
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions", app],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:app?mode=memory&cache=shared"}},
        DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        AUTHENTICATION_BACKENDS=[backend],
        LOGIN_REDIRECT_URL="/",
        LOGOUT_REDIRECT_URL="/bye",
        **more,
    )
    django.setup()


form = """<!doctype html><title>App</title><p>…</p><form method="post" action="{}">
<input type="hidden" name="csrfmiddlewaretoken" value="{}"></form>
<script>document.forms[0].submit()</script>"""


def home(login, subject_of, by_form=False):
    """The first page: says who is logged in, or leads to the login."""

    def page(request):
        if not request.user.is_authenticated:
            return redirect(login) if not by_form else HttpResponse(form.format(login, get_token(request)))
        return HttpResponse(f"ok {subject_of(request.user)}")

    return page


def failure(request):
    return HttpResponse("failed: the login did not work")


def bye(request):
    return HttpResponse("ok bye")


def run():
    call_command("migrate", verbosity=0)
    call_command("runserver", f"localhost:{PORT}", use_reloader=False, skip_checks=True)
