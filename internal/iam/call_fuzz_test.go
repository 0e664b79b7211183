package iam

import (
	"encoding/xml"
	"io"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"heddle/test/golden"
)

// FuzzCalls makes calls as the root user, one a line, each a form without its
// version. Whatever they say, every answer is whole XML, and nothing is an
// internal failure.
func FuzzCalls(f *testing.F) {
	for _, text := range golden.Files(f, "testdata/*.txt") {
		documents := map[string]string{}
		var calls []string
		for line := range strings.Lines(text) {
			words := strings.Fields(strings.Split(line, " => ")[0])
			switch {
			case len(words) > 2 && words[0] == "document":
				documents["@"+words[1]] = strings.Join(words[2:], " ")
			case len(words) > 1 && words[0] == "root":
				form := url.Values{"Action": {words[1]}}
				for _, w := range words[2:] {
					name, value, _ := strings.Cut(w, "=")
					if document, ok := documents[value]; ok {
						value = document
					}
					form.Set(name, value)
				}
				calls = append(calls, form.Encode())
			}
		}
		for len(calls) > 0 { // short seeds are mutated sooner where it counts
			n := min(4, len(calls))
			f.Add(strings.Join(calls[:n], "\n"))
			calls = calls[n:]
		}
	}
	const callsMax = 12
	f.Fuzz(func(t *testing.T, script string) {
		h := newHarness(t)
		lines := strings.Split(script, "\n")
		for _, line := range lines[:min(callsMax, len(lines))] {
			for _, version := range []string{"2010-05-08", "2011-06-15"} {
				r := httptest.NewRequest("POST", "/", strings.NewReader(line+"&Version="+version))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				w := httptest.NewRecorder()
				h.handler.ServeHTTP(w, r)
				if w.Code >= 500 {
					t.Fatalf("%s: %d %s", line, w.Code, w.Body)
				}
				d := xml.NewDecoder(w.Body)
				for {
					if _, err := d.Token(); err == io.EOF {
						break
					} else if err != nil {
						t.Fatalf("%s: %v", line, err)
					}
				}
			}
		}
		h.restart() // the log folds to what it was
	})
}
