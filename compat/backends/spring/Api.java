import java.time.Duration;
import java.util.List;
import org.springframework.security.oauth2.core.DelegatingOAuth2TokenValidator;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtDecoder;
import org.springframework.security.oauth2.jwt.JwtIssuerValidator;
import org.springframework.security.oauth2.jwt.JwtTimestampValidator;
import org.springframework.security.oauth2.jwt.JwtTypeValidator;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

class Api {
  /** A bean of this kind takes the place of the one that Spring Boot makes of `issuer-uri`. */
  static JwtDecoder jwtDecoder(String issuer, String audience) {
    NimbusJwtDecoder decoder = NimbusJwtDecoder.withJwkSetUri(issuer + "/jwks")
        .jwsAlgorithm(SignatureAlgorithm.ES256)
        .validateType(false) // of Nimbus, which knows only JWT; JwtTypeValidator below takes its place
        .build();
    decoder.setJwtValidator(new DelegatingOAuth2TokenValidator<>(
        new JwtTypeValidator("at+jwt"),
        new JwtTimestampValidator(Duration.ofSeconds(10)),
        new JwtIssuerValidator(issuer),
        new JwtClaimValidator<List<String>>("aud", aud -> aud != null && aud.contains(audience))));
    return decoder;
  }

  public static void main(String[] words) {
    Jwt jwt = jwtDecoder(System.getenv("ISSUER"), "https://api.example.com").decode(System.getenv("TOKEN"));
    System.out.println(jwt.getSubject() + " " + jwt.getClaimAsString("scope"));
  }
}
