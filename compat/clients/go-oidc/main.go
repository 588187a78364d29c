// A web app with go-oidc and golang.org/x/oauth2.
package main

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

func main() {
	ctx := context.Background()
	provider, err := oidc.NewProvider(ctx, os.Getenv("ISSUER"))
	if err != nil {
		log.Fatal(err)
	}
	config := oauth2.Config{
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint:     provider.Endpoint(),
		RedirectURL:  os.Getenv("ORIGIN") + "/callback",
		Scopes:       strings.Fields(os.Getenv("SCOPE")),
	}
	verifier := provider.Verifier(&oidc.Config{ClientID: config.ClientID})
	nonce := oauth2.GenerateVerifier()
	ask := []oauth2.AuthCodeOption{oidc.Nonce(nonce)}
	redeem := []oauth2.AuthCodeOption{}
	if os.Getenv("SETTING") == "1" {
		codeVerifier := oauth2.GenerateVerifier()
		ask = append(ask, oauth2.S256ChallengeOption(codeVerifier))
		redeem = append(redeem, oauth2.VerifierOption(codeVerifier))
	}
	var token *oauth2.Token
	var subject string

	step("/callback", func(r *http.Request) (string, error) {
		if refused := r.FormValue("error_description"); refused != "" {
			return "", fmt.Errorf("%s", refused)
		}
		if token, err = config.Exchange(ctx, r.FormValue("code"), redeem...); err != nil {
			return "", err
		}
		raw, _ := token.Extra("id_token").(string)
		idToken, err := verifier.Verify(ctx, raw)
		if err != nil {
			return "", err
		}
		if idToken.Nonce != nonce {
			return "", fmt.Errorf("another nonce came back")
		}
		subject = idToken.Subject
		return subject, nil
	})
	step("/userinfo", func(*http.Request) (string, error) {
		info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
		if err != nil {
			return "", err
		}
		return info.Subject, nil
	})
	step("/refresh", func(*http.Request) (string, error) {
		renewed, err := config.TokenSource(ctx, &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
		if err != nil {
			return "", err
		}
		if renewed.RefreshToken == token.RefreshToken {
			return "", fmt.Errorf("the refresh token was not replaced")
		}
		token = renewed
		return "renewed", nil
	})
	http.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		if token != nil {
			fmt.Fprintf(w, "ok %s", subject)
			return
		}
		http.Redirect(w, r, config.AuthCodeURL("state", ask...), http.StatusFound)
	})
	log.Fatal(http.ListenAndServe("localhost:"+os.Getenv("PORT"), nil))
}

func step(path string, do func(*http.Request) (string, error)) {
	http.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		said, err := do(r)
		if err != nil {
			fmt.Fprintf(w, "failed: %v", err)
			return
		}
		fmt.Fprintf(w, "ok %s", said)
	})
}
