package outside_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"heddle/internal/engine"
	"heddle/internal/kms/datakey"
	"heddle/internal/kms/outside"
)

// elsewhere is a key management service that answers as it is told, and remembers what it
// was asked.
type elsewhere struct {
	t      *testing.T
	asked  []string
	answer func(action string, in map[string]any) (status int, body string)
}

func (e *elsewhere) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		e.t.Error(err)
	}
	action, ok := strings.CutPrefix(r.Header.Get("X-Amz-Target"), "TrentService.")
	if !ok || !strings.Contains(r.Header.Get("Authorization"), "Credential=AKIDOUTSIDE/") || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/kms/") {
		e.t.Errorf("asked with %v", r.Header)
	}
	e.asked = append(e.asked, action+" "+string(body))
	var in map[string]any
	if err := json.Unmarshal(body, &in); err != nil {
		e.t.Error(err)
	}
	status, answer := e.answer(action, in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.WriteHeader(status)
	fmt.Fprint(w, answer)
}

func newElsewhere(t *testing.T) (*elsewhere, datakey.Keys) {
	e := &elsewhere{t: t}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	o := outside.Options{Endpoint: server.URL, Region: "eu-west-1", AccessKey: "AKIDOUTSIDE", SecretKey: "secret"}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	keys, err := outside.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return e, keys
}

var request = datakey.Request{World: engine.World{Account: "1", Region: "us-east-1"}, Key: "alias/orders", Context: map[string]string{"a": "b"}}

func TestKeysOfAnotherService(t *testing.T) {
	e, keys := newElsewhere(t)
	e.answer = func(action string, in map[string]any) (int, string) {
		switch action {
		case "DescribeKey":
			return 200, `{"KeyMetadata":{"KeyId":"1","Arn":"arn:k","KeyState":"PendingImport","KeySpec":"SYMMETRIC_DEFAULT","KeyUsage":"ENCRYPT_DECRYPT"}}`
		case "GenerateDataKey":
			return 200, `{"KeyId":"arn:k","Plaintext":"aGVsbG8=","CiphertextBlob":"c2VhbGVk"}`
		}
		return 200, `{"KeyId":"arn:k","Plaintext":"aGVsbG8="}`
	}
	ctx := t.Context()
	if got, err := keys.Describe(ctx, request); err != nil || got != (datakey.Key{ARN: "arn:k", State: "PENDING_IMPORT", Symmetric: true}) {
		t.Errorf("%+v, %v", got, err)
	}
	made, err := keys.GenerateDataKey(ctx, request)
	if err != nil || string(made.Plaintext) != "hello" || string(made.Blob) != "sealed" || made.Key != "arn:k" {
		t.Errorf("%+v, %v", made, err)
	}
	if got, err := keys.Decrypt(ctx, request, made.Blob); err != nil || !bytes.Equal(got, []byte("hello")) {
		t.Errorf("%q, %v", got, err)
	}
	unnamed := request
	unnamed.Key = ""
	if _, err := keys.Decrypt(ctx, unnamed, made.Blob); err != nil {
		t.Error(err)
	}
	for i, want := range []string{
		`DescribeKey {"KeyId":"alias/orders"}`,
		`GenerateDataKey {"EncryptionContext":{"a":"b"},"KeyId":"alias/orders","KeySpec":"AES_256"}`,
		`Decrypt {"CiphertextBlob":"c2VhbGVk","EncryptionContext":{"a":"b"},"KeyId":"alias/orders"}`,
		`Decrypt {"CiphertextBlob":"c2VhbGVk","EncryptionContext":{"a":"b"}}`,
	} {
		if i >= len(e.asked) || e.asked[i] != want {
			t.Errorf("asked %q, want %q", e.asked, want)
		}
	}
}

// TestStates: another kind of key is told from one that can be used, and so is each state.
func TestStates(t *testing.T) {
	e, keys := newElsewhere(t)
	for state, want := range map[string]string{
		"Enabled": "ENABLED", "Updating": "ENABLED", "Disabled": "DISABLED", "PendingDeletion": "PENDING_DELETION", "PendingReplicaDeletion": "PENDING_DELETION",
		"PendingImport": "PENDING_IMPORT", "Creating": "CREATING", "Unavailable": "UNAVAILABLE",
	} {
		for kind, symmetric := range map[string]bool{
			`"KeySpec":"SYMMETRIC_DEFAULT","KeyUsage":"ENCRYPT_DECRYPT"`: true, `"KeySpec":"RSA_2048","KeyUsage":"ENCRYPT_DECRYPT"`: false, `"KeySpec":"HMAC_256","KeyUsage":"GENERATE_VERIFY_MAC"`: false,
		} {
			e.answer = func(string, map[string]any) (int, string) {
				return 200, `{"KeyMetadata":{"KeyId":"1","Arn":"arn:k","KeyState":"` + state + `",` + kind + `}}`
			}
			if got, err := keys.Describe(t.Context(), request); err != nil || got.State != want || got.Symmetric != symmetric {
				t.Errorf("%s, %s: %+v, %v", state, kind, got, err)
			}
		}
	}
}

// TestRefusals: what the other service refuses is said to the caller, of the kind that it
// is; all else is for the operator.
func TestRefusals(t *testing.T) {
	e, keys := newElsewhere(t)
	for _, c := range []struct {
		code, message string
		why           datakey.Why
		state         string
	}{
		{"AccessDeniedException", "no", datakey.Denied, ""},
		{"NotFoundException", "Key 'x' does not exist", datakey.Missing, ""},
		{"InvalidArnException", "x", datakey.Missing, ""},
		{"DisabledException", "x is disabled.", datakey.Unusable, "DISABLED"},
		{"KMSInvalidStateException", "x is pending deletion.", datakey.Unusable, "PENDING_DELETION"},
		{"KMSInvalidStateException", "x is pending import.", datakey.Unusable, "PENDING_IMPORT"},
		{"KMSInvalidStateException", "x is creating", datakey.Unusable, "CREATING"},
		{"KMSInvalidStateException", "x", datakey.Unusable, "UNAVAILABLE"},
		{"InvalidKeyUsageException", "x", datakey.Unsuitable, ""},
		{"ValidationException", "x", datakey.Unsuitable, ""},
		{"InvalidCiphertextException", "", datakey.Unreadable, ""},
		{"IncorrectKeyException", "x", datakey.Unreadable, ""},
		{"LimitExceededException", "x", datakey.Throttled, ""},
		{"UnrecognizedClientException", "The security token included in the request is invalid.", 0, ""},
	} {
		e.answer = func(string, map[string]any) (int, string) {
			return 400, fmt.Sprintf(`{"__type":%q,"message":%q}`, c.code, c.message)
		}
		_, describe := keys.Describe(t.Context(), request)
		_, generate := keys.GenerateDataKey(t.Context(), request)
		_, decrypt := keys.Decrypt(t.Context(), request, []byte("x"))
		for method, err := range map[string]error{"Describe": describe, "GenerateDataKey": generate, "Decrypt": decrypt} {
			refusal, refused := errors.AsType[*datakey.Error](err)
			switch {
			case c.why == 0:
				if refused || err == nil || !strings.Contains(err.Error(), "--keys-endpoint") || !strings.Contains(err.Error(), "alias/orders") {
					t.Errorf("%s, %s: %v", method, c.code, err)
				}
			case !refused || refusal.Why != c.why || refusal.State != c.state || refusal.Message != c.message:
				t.Errorf("%s, %s: %+v", method, c.code, err)
			}
		}
	}
}

// TestAServiceThatIsNotThere is a matter for the operator.
func TestAServiceThatIsNotThere(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	keys, err := outside.New(outside.Options{Endpoint: server.URL, Region: "r", AccessKey: "a", SecretKey: "s"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody waits for it to be tried again
	_, err = keys.Describe(ctx, request)
	if _, refused := errors.AsType[*datakey.Error](err); refused || err == nil {
		t.Errorf("%v", err)
	}
}

func TestSettingsThatMakeNoSense(t *testing.T) {
	if err := (&outside.Options{}).Check(); err != nil {
		t.Errorf("without an endpoint: %v", err)
	}
	for _, o := range []outside.Options{
		{Endpoint: "ftp://x", Region: "r", AccessKey: "a", SecretKey: "s"}, {Endpoint: "http://x", Region: "r", AccessKey: "a"},
		{Endpoint: "http://x", Region: "r", SecretKey: "s"}, {Endpoint: "http://x", AccessKey: "a", SecretKey: "s"},
	} {
		if err := o.Check(); err == nil || !strings.Contains(err.Error(), "--keys-endpoint") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}
