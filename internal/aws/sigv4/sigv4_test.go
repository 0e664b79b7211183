package sigv4_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/sigv4"
)

const (
	keyID  = "AKIDEXAMPLE"
	secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
)

var services = []string{"swf", "states", "sts"}

// read is a request as a server gets it, and the hash of its body.
func read(t testing.TB, wire string) (*http.Request, [sha256.Size]byte) {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(wire)))
	if err != nil {
		t.Fatalf("%v in %q", err, wire)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r, sha256.Sum256(body)
}

func verify(r *http.Request, body [sha256.Size]byte, now time.Time) (*sigv4.Signature, error) {
	s, err := sigv4.Parse(r, services)
	if err != nil {
		return nil, err
	}
	return s, s.Verify(body, sigv4.DeriveKey(secret, s.Scope), now)
}

// botocore is what testdata/make_botocore_json.py wrote.
type botocore struct {
	At      string
	Vectors []struct{ Name, Token, Request string }
}

func readBotocore(t testing.TB) (b botocore, at time.Time) {
	t.Helper()
	file, err := os.ReadFile("testdata/botocore.json")
	if err == nil {
		err = json.Unmarshal(file, &b)
	}
	if err == nil {
		at, err = time.Parse("20060102T150405Z", b.At)
	}
	if err != nil || len(b.Vectors) == 0 {
		t.Fatalf("%d vectors, %v", len(b.Vectors), err)
	}
	return b, at
}

func TestBotocore(t *testing.T) {
	b, at := readBotocore(t)
	for _, v := range b.Vectors {
		t.Run(v.Name, func(t *testing.T) {
			r, body := read(t, v.Request)
			s, err := verify(r, body, at)
			if err != nil {
				t.Fatalf("%v\n%s", err, v.Request)
			}
			if s.KeyID != keyID || s.Token != v.Token {
				t.Errorf("key id %q, token %q", s.KeyID, s.Token)
			}
			body[0]++
			if _, err := verify(r, body, at); err == nil {
				t.Error("accepted with another body")
			}
		})
	}
}

// wantKind checks that err is a refusal of a kind, in words that contain text.
func wantKind(t *testing.T, err error, kind sigv4.Kind, text string) {
	t.Helper()
	refusal, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		t.Errorf("got %v, want %q", err, text)
		return
	}
	if refusal.Kind != kind || !strings.Contains(refusal.Message, text) {
		t.Errorf("got kind %d %q, want kind %d %q", refusal.Kind, refusal.Message, kind, text)
	}
}
