package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"os"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
)

func main() {
	ctx := context.Background()
	audience := cmp.Or(os.Getenv("AUDIENCE"), "https://api.example.com")
	alg, typ := cmp.Or(os.Getenv("ALG"), "ES256"), cmp.Or(os.Getenv("TYP"), "at+jwt")
	provider, err := oidc.NewProvider(ctx, cmp.Or(os.Getenv("ISSUER"), "http://localhost:3000"))
	if err != nil {
		log.Fatal(err)
	}
	// ClientID is what must be among the audiences. The keys are kept, and asked for again when a token names another.
	verifier := provider.Verifier(&oidc.Config{ClientID: audience, SupportedSigningAlgs: []string{alg}})

	raw := os.Getenv("TOKEN")
	token, err := verifier.Verify(ctx, raw)
	if err != nil {
		log.Fatal(err)
	}
	// go-oidc does not look at typ. The audience alone keeps ID tokens out: theirs is a client_id.
	unverified, _, _ := jwt.NewParser().ParseUnverified(raw, jwt.MapClaims{})
	if unverified.Header["typ"] != typ {
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
