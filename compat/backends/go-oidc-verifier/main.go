package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

func main() {
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	// ClientID is what must be among the audiences. The keys are kept, and asked for again when a token names another.
	verifier := provider.Verifier(&oidc.Config{ClientID: "https://api.example.com", SupportedSigningAlgs: []string{"ES256"}})

	raw := os.Getenv("TOKEN")
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		log.Fatal(err)
	}
	// go-oidc does not look at typ. The audience alone keeps ID tokens out: theirs is a client_id.
	unverified, _, _ := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
	if unverified.Header["typ"] != "at+jwt" {
		log.Fatal("not an access token")
	}
	var claims struct {
		Scope string `json:"scope"`
	}
	if err := token.Claims(&claims); err != nil {
		log.Fatal(err)
	}
	fmt.Println(token.Subject, claims.Scope)
}
