package com.example.api;

import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.config.Customizer;
import org.springframework.security.config.annotation.web.builders.HttpSecurity;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.security.oauth2.jwt.Jwt;
import org.springframework.security.web.SecurityFilterChain;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import org.springframework.web.cors.CorsConfiguration;
import org.springframework.web.cors.UrlBasedCorsConfigurationSource;

@SpringBootApplication
@RestController
public class Api {
  public static void main(String[] words) {
    SpringApplication.run(Api.class, words);
  }

  @GetMapping("/orders")
  Map<String, Object> orders(@AuthenticationPrincipal Jwt token) {
    return Map.of("of", token.getSubject(), "scope", token.getClaimAsString("scope"), "orders", List.of());
  }

  @Bean
  SecurityFilterChain rules(HttpSecurity http) throws Exception {
    return http
        .authorizeHttpRequests(requests -> requests
            .requestMatchers("/orders").hasAuthority("SCOPE_orders:read")
            .anyRequest().authenticated())
        .oauth2ResourceServer(server -> server.jwt(Customizer.withDefaults()))
        .cors(Customizer.withDefaults())
        .build();
  }

  /** Pages of these origins may call; a token is still needed. */
  @Bean
  UrlBasedCorsConfigurationSource corsConfigurationSource() {
    var apps = new CorsConfiguration();
    apps.setAllowedOrigins(List.of("http://localhost:8080"));
    apps.setAllowedHeaders(List.of("Authorization"));
    var source = new UrlBasedCorsConfigurationSource();
    source.registerCorsConfiguration("/**", apps);
    return source;
  }
}
