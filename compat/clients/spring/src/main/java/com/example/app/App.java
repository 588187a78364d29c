package com.example.app;

import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.client.oidc.web.logout.OidcClientInitiatedLogoutSuccessHandler;
import org.springframework.security.oauth2.client.registration.ClientRegistrationRepository;
import org.springframework.security.oauth2.core.oidc.user.OidcUser;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.security.web.csrf.CsrfToken;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;

@SpringBootApplication
@RestController
public class App {
  public static void main(String[] words) {
    SpringApplication.run(App.class, words);
  }

  @Bean
  SecurityFilterChain rules(HttpSecurity http, ClientRegistrationRepository registrations) throws Exception {
    var logout = new OidcClientInitiatedLogoutSuccessHandler(registrations);
    logout.setPostLogoutRedirectUri("{baseUrl}/bye"); // one of post_logout_redirect_uris
    return http
        .authorizeHttpRequests(requests -> requests
            .requestMatchers("/bye").permitAll()
            .anyRequest().authenticated())
        .oauth2Login(Customizer.withDefaults())
        .logout(each -> each.logoutSuccessHandler(logout))
        .build();
  }

  @GetMapping("/")
  String home(@AuthenticationPrincipal OidcUser person) {
    return "ok " + person.getSubject();
  }

  /** Spring takes a logout only as a form of a page of its own. */
  @GetMapping("/leave")
  String leave(CsrfToken csrf) {
    return """
        <!doctype html><title>App</title><p>…</p><form method="post" action="/logout">
        <input type="hidden" name="%s" value="%s"></form>
        <script>document.forms[0].submit()</script>""".formatted(csrf.getParameterName(), csrf.getToken());
  }

  @GetMapping("/bye")
  String bye() {
    return "ok bye";
  }
}
