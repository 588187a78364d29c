import com.nimbusds.jose.JOSEObjectType;
import com.nimbusds.jose.JWSAlgorithm;
import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.DefaultJOSEObjectTypeVerifier;
import com.nimbusds.jose.proc.JWSVerificationKeySelector;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jwt.JWTClaimsSet;
import com.nimbusds.jwt.proc.DefaultJWTClaimsVerifier;
import com.nimbusds.jwt.proc.DefaultJWTProcessor;
import java.net.URI;
import java.util.Set;

class Verify {
  static DefaultJWTProcessor<SecurityContext> processor(String issuer, String audience, String alg, String typ)
      throws Exception {
    // Keeps the keys, and asks again when a token names one it has not seen.
    var keys = JWKSourceBuilder.create(URI.create(issuer + "/jwks").toURL()).build();
    var claims = new DefaultJWTClaimsVerifier<SecurityContext>(
        audience, new JWTClaimsSet.Builder().issuer(issuer).build(), Set.of("exp", "sub"));
    claims.setMaxClockSkew(10);
    var processor = new DefaultJWTProcessor<SecurityContext>();
    processor.setJWSTypeVerifier(new DefaultJOSEObjectTypeVerifier<>(new JOSEObjectType(typ)));
    processor.setJWSKeySelector(new JWSVerificationKeySelector<>(JWSAlgorithm.parse(alg), keys));
    processor.setJWTClaimsSetVerifier(claims);
    return processor;
  }

  public static void main(String[] words) throws Exception {
    var env = System.getenv();
    var verifier = processor(
        env.getOrDefault("ISSUER", "http://localhost:3000"),
        env.getOrDefault("AUDIENCE", "https://api.example.com"),
        env.getOrDefault("ALG", "ES256"),
        env.getOrDefault("TYP", "at+jwt"));
    var claims = verifier.process(env.get("TOKEN"), null);
    System.out.println(claims.getSubject() + " " + claims.getStringClaim("scope"));
  }
}
