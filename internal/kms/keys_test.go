package kms

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/iam/account"
	"heddle/internal/kms/datakey"
	"heddle/internal/kms/keyring"
)

// caller is whom credentials stand for.
func (h *harness) caller(p person) *account.Caller {
	h.t.Helper()
	c, err := h.directory.Lookup(context.Background(), p.AccessKeyID, p.SessionToken)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

const viaStates = "states.us-east-1.amazonaws.com"

func requestBy(c *account.Caller, key string) datakey.Request {
	return datakey.Request{
		World: engine.World{Account: accountID, Region: region}, Key: key, Caller: c, Via: viaStates,
		Context: map[string]string{"aws:states:stateMachineArn": "arn:m"},
	}
}

func whyOf(err error) (datakey.Why, string) {
	e, ok := errors.AsType[*datakey.Error](err)
	if !ok {
		return 0, ""
	}
	return e.Why, e.State
}

// TestServicesUseKeysForTheirUsers: what the user or role may decides, conditions know which
// service asks, and every refusal says what kind it is of.
func TestServicesUseKeysForTheirUsers(t *testing.T) {
	inBubble(t, func(t *testing.T, h *harness) {
		id := h.must("CreateKey", `{}`, "KeyMetadata", "KeyId")
		arn := keyring.KeyARN(engine.World{Account: accountID, Region: region}, id)
		h.must("CreateAlias", `{"AliasName":"alias/k","TargetKeyId":"`+id+`"}`)
		through := h.caller(h.user("through", `{"Effect":"Allow","Action":["kms:GenerateDataKey","kms:Decrypt","kms:DescribeKey"],"Resource":"*","Condition":{"StringEquals":{"kms:ViaService":"`+viaStates+`"},"Bool":{"aws:ViaAWSService":"true"}}}`))
		nobody := h.caller(h.user("nobody", ""))
		h.role("worker", `{"Effect":"Allow","Action":"kms:*","Resource":"`+arn+`","Condition":{"StringEquals":{"kms:EncryptionContext:aws:states:stateMachineArn":"arn:m"}}}`)
		worker, err := h.directory.Act(t.Context(), accountID, account.RoleUse{Role: "arn:aws:iam::" + accountID + ":role/worker", Service: "states.amazonaws.com", Session: "run"})
		if err != nil {
			t.Fatal(err)
		}
		ctx := t.Context()
		for _, name := range []string{id, arn, "alias/k", "arn:aws:kms:us-east-1:" + accountID + ":alias/k"} {
			made, err := h.keys.GenerateDataKey(ctx, requestBy(through, name))
			if err != nil || len(made.Plaintext) != 32 || made.Key != arn {
				t.Fatalf("%s: %+v, %v", name, made, err)
			}
			for who, c := range map[string]*account.Caller{"user": through, "role": worker} {
				for _, key := range []string{name, ""} {
					if got, err := h.keys.Decrypt(ctx, requestBy(c, key), made.Blob); err != nil || !bytes.Equal(got, made.Plaintext) {
						t.Errorf("%s opens with key %q: %v", who, key, err)
					}
				}
			}
		}
		if got, err := h.keys.Describe(ctx, requestBy(through, "alias/k")); err != nil || got != (datakey.Key{ARN: arn, State: "ENABLED", Symmetric: true}) {
			t.Errorf("%+v, %v", got, err)
		}
		made, err := h.keys.GenerateDataKey(ctx, requestBy(through, id))
		if err != nil {
			t.Fatal(err)
		}

		all := func(r datakey.Request, blob []byte) map[string]error {
			_, describe := h.keys.Describe(ctx, r)
			_, generate := h.keys.GenerateDataKey(ctx, r)
			_, decrypt := h.keys.Decrypt(ctx, r, blob)
			return map[string]error{"Describe": describe, "GenerateDataKey": generate, "Decrypt": decrypt}
		}
		wants := func(what string, r datakey.Request, want datakey.Why, state string, except ...string) {
			t.Helper()
			for method, err := range all(r, made.Blob) {
				if slices.Contains(except, method) {
					continue
				}
				if why, in := whyOf(err); why != want || in != state {
					t.Errorf("%s: %s: %d %q (%v), want %d %q", what, method, why, in, err, want, state)
				}
			}
		}
		wants("without permission", requestBy(nobody, id), datakey.Denied, "")
		direct := requestBy(through, id)
		direct.Via = ""
		wants("not through the service", direct, datakey.Denied, "")
		other := requestBy(worker, id)
		other.Context = map[string]string{"aws:states:stateMachineArn": "arn:another"}
		wants("another encryption context", other, datakey.Denied, "")
		for _, name := range []string{"11111111-1111-4111-8111-111111111111", "alias/none", "nonsense", "arn:aws:kms:eu-west-1:" + accountID + ":key/" + id} {
			wants(name, requestBy(through, name), datakey.Missing, "")
		}
		wants("another account's", requestBy(through, "arn:aws:kms:us-east-1:210987654321:key/"+id), datakey.Denied, "")

		changed := requestBy(through, id)
		changed.Context = nil
		_, err = h.keys.Decrypt(ctx, changed, made.Blob)
		if why, _ := whyOf(err); why != datakey.Unreadable {
			t.Errorf("without its context: %v", err)
		}
		second := h.must("CreateKey", `{}`, "KeyMetadata", "KeyId")
		_, err = h.keys.Decrypt(ctx, requestBy(through, second), made.Blob)
		if why, _ := whyOf(err); why != datakey.Unreadable {
			t.Errorf("as of another key: %v", err)
		}
		for _, blob := range [][]byte{nil, []byte("x"), made.Blob[:len(made.Blob)-1]} {
			_, err = h.keys.Decrypt(ctx, requestBy(through, id), blob)
			if why, _ := whyOf(err); why != datakey.Unreadable {
				t.Errorf("%x: %v", blob, err)
			}
		}

		h.throttled = true
		wants("throttled", requestBy(through, id), datakey.Throttled, "")
		wants("throttled, and denied all the same", requestBy(nobody, id), datakey.Denied, "")
		h.throttled = false
		h.must("DisableKey", `{"KeyId":"`+id+`"}`)
		wants("disabled", requestBy(through, id), datakey.Unusable, "DISABLED", "Describe")
		if got, err := h.keys.Describe(ctx, requestBy(through, id)); err != nil || got.State != "DISABLED" {
			t.Errorf("%+v, %v", got, err)
		}
		h.must("ScheduleKeyDeletion", `{"KeyId":"`+id+`"}`)
		wants("pending deletion", requestBy(through, id), datakey.Unusable, "PENDING_DELETION", "Describe")
		h.must("CancelKeyDeletion", `{"KeyId":"`+id+`"}`)
		h.must("EnableKey", `{"KeyId":"`+id+`"}`)
		if got, err := h.keys.Decrypt(ctx, requestBy(through, id), made.Blob); err != nil || !bytes.Equal(got, made.Plaintext) {
			t.Errorf("enabled again: %v", err)
		}

		// A payload under such a data key, with the cache between.
		cache := datakey.NewCache(datakey.Config{Keys: h.keys, Now: h.clock, Within: context.WithTimeout})
		use := datakey.Use{Request: requestBy(through, id), Reuse: time.Minute}
		sealed, err := cache.Seal(ctx, use, []byte("payload"))
		if err != nil {
			t.Fatal(err)
		}
		h.must("DisableKey", `{"KeyId":"`+id+`"}`)
		if got, err := cache.Open(ctx, use, sealed); err != nil || string(got) != "payload" {
			t.Errorf("within the period: %q, %v", got, err)
		}
		h.advance(time.Minute)
		_, err = cache.Open(ctx, use, sealed)
		if why, state := whyOf(err); why != datakey.Unusable || state != "DISABLED" {
			t.Errorf("after it: %v", err)
		}
		h.must("EnableKey", `{"KeyId":"`+id+`"}`)
		if got, err := cache.Open(ctx, use, sealed); err != nil || string(got) != "payload" {
			t.Errorf("enabled again: %q, %v", got, err)
		}
	})
}

// TestMaterialIsNowhereInTheClear: neither in the store nor in answers; and when a key is
// deleted it is gone even as it was sealed.
func TestMaterialIsNowhereInTheClear(t *testing.T) {
	inBubble(t, func(t *testing.T, h *harness) {
		id := h.must("CreateKey", `{}`, "KeyMetadata", "KeyId")
		h.must("RotateKeyOnDemand", `{"KeyId":"`+id+`"}`)
		reply, err := h.node.Do(t.Context(), keyring.Command(engine.World{Account: accountID, Region: region}, keyring.Find{Key: id}))
		if err != nil {
			t.Fatal(err)
		}
		k, s := reply.(keyring.Found).Key, newSecrets([32]byte{10}, h)
		var sealed, plain [][]byte
		for i := range k.Materials {
			m := &k.Materials[i]
			opened, err := s.aead.Open(nil, nil, m.Sealed, materialOf(id, &m.ID))
			if err != nil || len(opened) != materialBytes {
				t.Fatalf("material %d: %d bytes, %v", i, len(opened), err)
			}
			sealed, plain = append(sealed, m.Sealed), append(plain, opened)
			if _, err := s.aead.Open(nil, nil, m.Sealed, materialOf("11111111-1111-4111-8111-111111111111", &m.ID)); err == nil {
				t.Error("material opens as another key's")
			}
		}
		if len(sealed) != 2 {
			t.Fatalf("%d materials", len(sealed))
		}
		has := func(rows []byte, what [][]byte) (n int) {
			for _, b := range what {
				n += bytes.Count(rows, b)
			}
			return n
		}
		rows := h.rows()
		if n := has(rows, plain); n != 0 {
			t.Errorf("material is stored in the clear %d times", n)
		}
		if n := has(rows, sealed); n != 2 {
			t.Errorf("sealed material is stored %d times, want twice", n)
		}
		h.must("ScheduleKeyDeletion", `{"KeyId":"`+id+`","PendingWindowInDays":7}`)
		h.advance(7*24*time.Hour - time.Second)
		if n := has(h.rows(), sealed); n != 2 {
			t.Errorf("before its time material is stored %d times", n)
		}
		h.advance(time.Second)
		h.advance(time.Second) // what goes on by itself waits a little for others to share a write
		if n := has(h.rows(), sealed); n != 0 {
			t.Errorf("of a deleted key material is stored %d times", n)
		}
	})
}

// TestChangedCiphertextsDoNotOpen: not one byte of them counts for another.
func TestChangedCiphertextsDoNotOpen(t *testing.T) {
	inBubble(t, func(t *testing.T, h *harness) {
		id := h.must("CreateKey", `{}`, "KeyMetadata", "KeyId")
		h.must("RotateKeyOnDemand", `{"KeyId":"`+id+`"}`)
		blob, err := base64.StdEncoding.DecodeString(h.must("Encrypt", `{"KeyId":"`+id+`","Plaintext":"aGVsbG8="}`, "CiphertextBlob"))
		if err != nil {
			t.Fatal(err)
		}
		decrypt := func(blob []byte) string {
			_, answer := h.call(root, region, "Decrypt", `{"CiphertextBlob":"`+base64.StdEncoding.EncodeToString(blob)+`"}`)
			return answer
		}
		for i := range blob {
			for _, bit := range []byte{1, 128} {
				changed := slices.Clone(blob)
				changed[i] ^= bit
				want := "InvalidCiphertextException"
				if 1 <= i && i <= 16 { // the id of another key
					want = "ciphertext refers to a customer master key that does not exist"
				}
				if got := decrypt(changed); !strings.Contains(got, want) {
					t.Errorf("byte %d: %s", i, got)
				}
			}
			if got := decrypt(blob[:i]); i > 0 && !strings.Contains(got, "InvalidCiphertextException") {
				t.Errorf("cut at %d: %s", i, got)
			}
		}
		if got := decrypt(append(slices.Clone(blob), 0)); !strings.Contains(got, "InvalidCiphertextException") {
			t.Error(got)
		}
	})
}

// TestWithoutAuthenticationRolesAreTrusted: policies and grants may then name whom this
// server does not know.
func TestWithoutAuthenticationRolesAreTrusted(t *testing.T) {
	inBubble(t, func(t *testing.T, h *harness) {
		h.stop()
		h.trusting = true
		h.start()
		document := strings.ReplaceAll(policyOf(`{"Effect":"Allow","Principal":{"AWS":["arn:aws:iam::123456789012:root","arn:aws:iam::123456789012:role/unknown"]},"Action":"kms:*","Resource":"*"}`), `"`, `\"`)
		id := h.must("CreateKey", `{"Policy":"`+document+`"}`, "KeyMetadata", "KeyId")
		h.must("CreateGrant", `{"KeyId":"`+id+`","GranteePrincipal":"arn:aws:iam::123456789012:role/unknown","Operations":["Decrypt"]}`)
		for _, action := range []string{"GetKeyPolicy", "ListGrants"} {
			if got := h.must(action, `{"KeyId":"`+id+`"}`); !strings.Contains(got, "role/unknown") {
				t.Errorf("%s: %s", action, got)
			}
		}
	})
}

// FuzzCiphertext reads bytes as a ciphertext: what can be read has a key, and none that was
// not made opens.
func FuzzCiphertext(f *testing.F) {
	s := newSecrets([32]byte{1}, bytes.NewReader(bytes.Repeat([]byte{7}, 1000)))
	const id = "11111111-1111-4111-8111-111111111111"
	m, err := s.material(id)
	if err != nil {
		f.Fatal(err)
	}
	k := &keyring.Key{ID: id, Materials: []keyring.Material{{ID: m.ID, Sealed: m.Sealed}}}
	made, err := s.encrypt(k, map[string]string{"a": "b"}, []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(made)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseCiphertext(b)
		if err != nil {
			return
		}
		if parsed, ok := parseKeyID(c.key); !ok || keyID(parsed) != c.key {
			t.Errorf("the id %q", c.key)
		}
		plain, err := s.decrypt(k, map[string]string{"a": "b"}, c)
		if opened := err == nil; opened != bytes.Equal(b, made) {
			t.Errorf("%x opened: %v, %q", b, opened, plain)
		}
	})
}
