package main

import (
	"cmp"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

type claims struct {
	Scope string `json:"scope"`
	jwt.RegisteredClaims
}

func main() {
	issuer := cmp.Or(os.Getenv("ISSUER"), "http://localhost:3000")
	audience := cmp.Or(os.Getenv("AUDIENCE"), "https://api.example.com")
	alg, typ := cmp.Or(os.Getenv("ALG"), "ES256"), cmp.Or(os.Getenv("TYP"), "at+jwt")
	// Asks for the keys every hour, and when a token names one it has not seen.
	keys, err := keyfunc.NewDefault([]string{issuer + "/jwks"})
	if err != nil {
		log.Fatal(err)
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{alg}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience(audience),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(10*time.Second),
	)
	var found claims
	token, err := parser.ParseWithClaims(os.Getenv("TOKEN"), &found, keys.Keyfunc)
	if err != nil {
		log.Fatal(err)
	}
	if token.Header["typ"] != typ {
		log.Fatal("not an access token")
	}
	fmt.Println(found.Subject, found.Scope)
}
