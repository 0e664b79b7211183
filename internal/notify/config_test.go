package notify

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const testSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// secretFile writes a secret where only its owner reads it.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func keysFile(t *testing.T) string {
	t.Helper()
	return secretFile(t, "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = secret\n")
}

func loadText(t *testing.T, text string) ([]*Target, error) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "events.json")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return Load(path)
}

func TestLoad(t *testing.T) {
	secret := secretFile(t, testSecret+"\n")
	targets, err := loadText(t, fmt.Sprintf(`{"targets":[
		{"name":"log","file":{"path":"/var/log/events.jsonl"}},
		{"name":"orders","types":"all","pattern":{"source":["aws.swf"]},"webhook":{"url":"https://host/x?y=1","secrets":[%q,%q],"events":7}}]}`, secret, secret))
	if err != nil {
		t.Fatal(err)
	}
	if f := targets[0].File; f.Megabytes != 100 || f.Files != 10 || targets[0].pattern != nil {
		t.Errorf("a file by default: %+v", f)
	}
	if w := targets[1].Webhook; len(w.secrets) != 2 || len(w.secrets[0]) != 24 || w.Events != 7 || targets[1].pattern == nil {
		t.Errorf("a webhook: %+v", w)
	}
}

// TestLoadRefuses: what is wrong is said, with the target's name and without a secret.
func TestLoadRefuses(t *testing.T) {
	secret, short, bare := secretFile(t, testSecret), secretFile(t, "whsec_AAAA"), secretFile(t, testSecret[6:])
	open := secretFile(t, testSecret)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	hook := func(url string, secrets ...string) string {
		return fmt.Sprintf(`{"targets":[{"name":"a","webhook":{"url":%q,"secrets":["%s"]}}]}`, url, strings.Join(secrets, `","`))
	}
	file := func(rest string) string { return `{"targets":[{"name":"a",` + rest + `}]}` }
	for text, want := range map[string]string{
		``:                            "EOF",
		`{"targets":[]}`:              "0 targets",
		`{"targets":[null]}`:          "target 1 is null",
		`{"target":[]}`:               `unknown field "target"`,
		`{"targets":[{}]} x`:          "something follows",
		`{"targets":[{"name":"A"}]}`:  "small letters",
		file(`"file":{"path":"x"}`):   "whole path",
		file(`"file":{"path":"/x/"}`): "whole path",
		file(`"types":"most"`):        `types "most"`,
		file(`"pattern":{}`):          "want one of file, webhook",
		file(`"types":"logs","sns":{"topic":"arn:x"}`):                                    "want a file, otlp",
		file(`"types":"spans","webhook":{"url":"https://x"}`):                             "want a file, otlp",
		file(`"cloudwatchlogs":{"endpoint":"http://x"}`):                                  "want the types logs",
		file(`"otlp":{"endpoint":"http://x"}`):                                            "want the types logs, or spans",
		file(`"types":"spans","otlp":{"endpoint":"x:4318"}`):                              `endpoint "x:4318"`,
		file(`"types":"spans","otlp":{"endpoint":"http://x","headers":"` + secret + `"}`): "want a line such as",
		file(`"file":{"path":"/x","megabytes":-1}`):                                       "megabytes -1",
		file(`"file":{"path":"/x","files":1001}`):                                         "files 1001",
		file(`"file":{"path":"/x"},"webhook":{"url":"https://x"}`):                        "want one of file, webhook",
		file(`"file":{"path":"/x"},"pattern":{"a":[{"cidr":"::/0"}]}`):                    "pattern: a: cidr",
		file(`"file":{"path":"/x"}},{"name":"a","file":{"path":"/y"}`):                    "the name a",
		file(`"file":{"path":"/x"}},{"name":"b","file":{"path":"/z/../x"}`):               "the file /x",
		hook("ftp://host", secret):                                                        "url",
		hook("https://user:pass@host", secret):                                            "url",
		hook("https://", secret):                                                          "url",
		hook("https://host/#x", secret):                                                   "url",
		hook("https://host", "/nowhere"):                                                  "/nowhere",
		hook("https://host", short):                                                       "24 to 64 bytes",
		hook("https://host", bare):                                                        "want whsec_",
		hook("https://host", open):                                                        "chmod",
		`{"targets":[{"name":"a","webhook":{"url":"https://x"}}]}`:                        "0 secrets",
		fmt.Sprintf(`{"targets":[{"name":"a","webhook":{"url":"https://x","secrets":[%q],"events":101}}]}`, secret): "events 101",
	} {
		if _, err := loadText(t, text); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "--events-config ") {
			t.Errorf("%s: got %v, want %s", text, err, want)
		} else if strings.Contains(err.Error(), testSecret[6:]) || strings.Contains(err.Error(), "pass") {
			t.Errorf("%s: it tells a secret: %v", text, err)
		}
	}
	at := fmt.Sprintf(`"endpoint":"https://host","region":"r","credentials":%q`, keysFile(t))
	for text, want := range map[string]string{
		file(`"eventbridge":{}`):                                       "endpoint",
		file(`"eventbridge":{"endpoint":"https://u:p@host"}`):          "endpoint",
		file(`"eventbridge":{"endpoint":"https://host"}`):              "region",
		file(`"eventbridge":{"endpoint":"https://host","region":"r"}`): "read key pair",
		file(`"eventbridge":{` + at + `,"profile":"other"}`):           "other",
		file(`"sqs":{` + at + `}`):                                     "queue",
		file(`"sns":{` + at + `,"topic":"x"}`):                         "topic",
		file(`"sns":{` + at + `,"topic":"arn:x"},"sqs":{}`):            "want one of",
	} {
		if _, err := loadText(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
	targets, err := loadText(t, `{"targets":[{"name":"a","eventbridge":{`+at+`}},{"name":"b","sqs":{`+at+`,"queue":"https://host/q"}},{"name":"c","sns":{`+at+`,"topic":"arn:x"}}]}`)
	if err != nil || targets[0].EventBridge.Bus != "default" || targets[1].SQS.pair.KeyID == "" || targets[2].SNS.Topic != "arn:x" {
		t.Errorf("%+v, %v", targets, err)
	}
	if _, err := Load("/nowhere"); err == nil || !strings.Contains(err.Error(), "/nowhere") {
		t.Error(err)
	}
}
