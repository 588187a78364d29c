package main

import (
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
	issuer := os.Getenv("ISSUER")
	// Asks for the keys every hour, and when a token names one it has not seen.
	keys, err := keyfunc.NewDefault([]string{issuer + "/jwks"})
	if err != nil {
		log.Fatal(err)
	}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{"ES256"}),
		jwt.WithIssuer(issuer),
		jwt.WithAudience("https://api.example.com"),
		jwt.WithExpirationRequired(),
		jwt.WithLeeway(10*time.Second),
	)
	var found claims
	token, err := parser.ParseWithClaims(os.Getenv("TOKEN"), &found, keys.Keyfunc)
	if err != nil {
		log.Fatal(err)
	}
	if token.Header["typ"] != "at+jwt" {
		log.Fatal("not an access token")
	}
	fmt.Println(found.Subject, found.Scope)
}
