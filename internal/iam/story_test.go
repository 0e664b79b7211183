package iam

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"heddle/internal/aws/shape/shapetest"
	"heddle/test/golden"
)

// TestStories runs testdata/*.txt: calls, and indented beneath each its status
// and answer.
//
// A line is: who calls, the action, parameters. Root does not sign; all others
// are names under which an earlier line kept credentials by "=> name". A value
// @name is the document of that name in the story.
func TestStories(t *testing.T) {
	golden.Each(t, "testdata/*.txt", func(t *testing.T, text string) string { return golden.Lines(text, newStory(t).do) })
}

type story struct {
	*harness
	people    map[string]aws.Credentials
	documents map[string]string
}

func newStory(t testing.TB) *story {
	return &story{harness: newHarness(t), people: map[string]aws.Credentials{}, documents: map[string]string{}}
}

// do runs one line and tells what was answered.
func (s *story) do(line string) []string {
	line, keep, _ := strings.Cut(line, " => ")
	words := strings.Fields(line)
	switch words[0] {
	case "document":
		s.documents[words[1]] = strings.Join(words[2:], " ")
		return nil
	case "advance":
		d, err := time.ParseDuration(words[1])
		if err != nil {
			s.t.Fatal(err)
		}
		s.advance(d)
		return nil
	case "restart":
		s.restart()
		return nil
	}
	form := url.Values{"Action": {words[1]}, "Version": {"2010-05-08"}}
	if strings.HasPrefix(words[1], "AssumeRole") || strings.HasPrefix(words[1], "GetSession") || words[1] == "GetCallerIdentity" {
		form.Set("Version", "2011-06-15")
	}
	for _, w := range words[2:] {
		name, value, _ := strings.Cut(w, "=")
		if document, ok := strings.CutPrefix(value, "@"); ok {
			value = s.documents[document]
		}
		form.Set(name, s.keysIn(value))
	}
	status, answer := s.call(words[0], form)
	if keep != "" {
		s.people[keep] = credentialsIn(s.t, answer)
	}
	return []string{fmt.Sprintf("%d %s", status, unchanging(answer))}
}

// keysIn puts the id of somebody's access key for key:name.
func (s *story) keysIn(value string) string {
	if name, ok := strings.CutPrefix(value, "key:"); ok {
		return s.people[name].AccessKeyID
	}
	return value
}

// call calls as somebody.
func (s *story) call(who string, form url.Values) (status int, answer string) {
	service := "iam"
	if form.Get("Version") == "2011-06-15" {
		service = "sts"
	}
	body := form.Encode()
	r := httptest.NewRequest("POST", "http://localhost/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	if who != "root" {
		c, ok := s.people[who]
		if !ok {
			s.t.Fatalf("nobody has kept credentials for %q", who)
		}
		digest := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(context.Background(), c, r, hex.EncodeToString(digest[:]), service, "us-east-1", s.clock()); err != nil {
			s.t.Fatal(err)
		}
		r.Header.Set("Content-Length", strconv.Itoa(len(body))) // is signed, and a server has it
	}
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	rootUser := strings.Contains(w.Body.String(), ":root</Arn><CreateDate>") // who has no path and no name, and the account's number as id
	if w.Code == http.StatusOK && !rootUser {
		if err := models[service].Query(form.Get("Action"), w.Body.Bytes()); err != nil {
			s.t.Error(err)
		}
	}
	return w.Code, w.Body.String()
}

// models are what successes are held against.
var models = func() map[string]*shapetest.Model {
	known := map[string]*shapetest.Model{}
	for service, file := range map[string]string{"iam": "wire/model.json", "sts": "stswire/model.json"} {
		m, err := shapetest.Read(file)
		if err != nil {
			panic(err)
		}
		known[service] = m
	}
	known["iam"].Also("PermissionsBoundaryAttachmentType", "Policy")
	return known
}()

// credentialsIn reads the credentials in an answer.
func credentialsIn(t testing.TB, answer string) aws.Credentials {
	var c aws.Credentials
	d := xml.NewDecoder(strings.NewReader(answer))
	for {
		token, err := d.Token()
		if err != nil {
			break
		}
		start, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		for name, field := range map[string]*string{"AccessKeyId": &c.AccessKeyID, "SecretAccessKey": &c.SecretAccessKey, "SessionToken": &c.SessionToken} {
			if start.Name.Local == name {
				if err := d.DecodeElement(field, &start); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		t.Fatalf("no credentials in %s", answer)
	}
	return c
}

var frame = regexp.MustCompile(` xmlns="[^"]*"|<ResponseMetadata>.*</ResponseMetadata>|<RequestId>.*</RequestId>|\n`)
var secret = regexp.MustCompile(`<(SessionToken|SecretAccessKey)>[^<]*</(?:SessionToken|SecretAccessKey)>`)

// unchanging is an answer without what is the same in all, or different in each
// run.
func unchanging(answer string) string {
	answer = frame.ReplaceAllString(answer, "")
	return secret.ReplaceAllString(answer, "<$1>(secret)</$1>")
}

// TestSecretsAreNotStored looks for the secret of an access key in all that the
// rules wrote.
func TestSecretsAreNotStored(t *testing.T) {
	s := newStory(t)
	s.do("root CreateUser UserName=plantedname")
	s.do("root CreateAccessKey UserName=plantedname => ann")
	rows := s.rows()
	if !bytes.Contains(rows, []byte("plantedname")) {
		t.Fatal("the user is not among the stored rows, so this test looks in the wrong place")
	}
	if secret := s.people["ann"].SecretAccessKey; bytes.Contains(rows, []byte(secret)) {
		t.Error("the secret stands among the stored rows")
	}
}
