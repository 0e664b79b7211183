package server

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/engine"
	"heddle/internal/kms"
	"heddle/internal/kms/datakey"
	"heddle/internal/service"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
)

// sdkOf is the vendor's client of a server's KMS.
func sdkOf(s *Server, key aws.Credentials) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: aws.String(s.URL()), Region: defaults.Region, RetryMaxAttempts: 1, HTTPClient: http.DefaultClient,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) { return key, nil }),
	})
}

// TestUsersHaveKeysOfTheirOwn, by the vendor's client: what was encrypted opens after a
// restart, and a sound store has it all; the trail shows who used which key, and nothing of
// what was encrypted.
func TestUsersHaveKeysOfTheirOwn(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second, Sealing: SealingOff, Audit: Audit{Data: true}}
	s := start(t, cfg)
	root := rootKey(t, cfg.Data)
	c := sdkOf(s, root)
	ctx := t.Context()
	made, err := c.CreateKey(ctx, &sdk.CreateKeyInput{Description: aws.String("of orders"), Tags: []types.Tag{{TagKey: aws.String("team"), TagValue: aws.String("shop")}}})
	if err != nil {
		t.Fatal(err)
	}
	id := made.KeyMetadata.KeyId
	if _, err := c.CreateAlias(ctx, &sdk.CreateAliasInput{AliasName: aws.String("alias/orders"), TargetKeyId: id}); err != nil {
		t.Fatal(err)
	}
	secret := []byte("what nobody may read: " + strings.Repeat("x", 4000))
	about := map[string]string{"order": "1"}
	sealed, err := c.Encrypt(ctx, &sdk.EncryptInput{KeyId: aws.String("alias/orders"), Plaintext: secret, EncryptionContext: about})
	if err != nil {
		t.Fatal(err)
	}
	data, err := c.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
	if err != nil || len(data.Plaintext) != 32 {
		t.Fatalf("%+v, %v", data, err)
	}
	if _, err := c.RotateKeyOnDemand(ctx, &sdk.RotateKeyOnDemandInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	granted, err := c.CreateGrant(ctx, &sdk.CreateGrantInput{KeyId: id, GranteePrincipal: aws.String("arn:aws:iam::" + defaults.Account + ":root"), Operations: []types.GrantOperation{types.GrantOperationDecrypt}})
	if err != nil {
		t.Fatal(err)
	}

	closeServer(t, s)
	if found, err := check(t, cfg); err != nil || len(found.Wrong) > 0 {
		t.Fatalf("check: %+v, %v", found, err)
	}
	s = start(t, cfg)
	c = sdkOf(s, root)
	for range 2 {
		opened, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: about})
		if err != nil || !bytes.Equal(opened.Plaintext, secret) {
			t.Fatalf("%v", err)
		}
	}
	opened, err := c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: data.CiphertextBlob})
	if err != nil || !bytes.Equal(opened.Plaintext, data.Plaintext) {
		t.Fatalf("%v", err)
	}
	_, err = c.Decrypt(ctx, &sdk.DecryptInput{CiphertextBlob: sealed.CiphertextBlob})
	if _, ok := errors.AsType[*types.InvalidCiphertextException](err); !ok {
		t.Errorf("without its context: %v", err)
	}
	if _, err := c.DisableKey(ctx, &sdk.DisableKeyInput{KeyId: id}); err != nil {
		t.Fatal(err)
	}
	_, err = c.GenerateDataKey(ctx, &sdk.GenerateDataKeyInput{KeyId: id, KeySpec: types.DataKeySpecAes256})
	if _, ok := errors.AsType[*types.DisabledException](err); !ok {
		t.Errorf("a disabled key: %v", err)
	}
	closeServer(t, s)

	kinds := map[string]string{}
	for kind, records := range kindsOf(t, cfg.Data) {
		for _, r := range records {
			kinds[r.EventName] += kind + " "
			if r.EventName == "Encrypt" && (fmt.Sprint(r.RequestParameters["encryptionContext"]) != "map[order:1]" || len(r.Resources) != 1 || !r.ReadOnly || !strings.HasSuffix(r.Resources[0].ARN, *id)) {
				t.Errorf("%+v", r)
			}
		}
	}
	for action, want := range map[string]string{"CreateKey": "changes ", "CreateAlias": "changes ", "DisableKey": "changes ", "Encrypt": "calls ", "Decrypt": "calls calls calls calls ", "GenerateDataKey": "calls calls "} {
		if kinds[action] != want {
			t.Errorf("%s is recorded among %q, want %q", action, kinds[action], want)
		}
	}
	hidden := map[string][]byte{"plaintext": secret, "ciphertext": sealed.CiphertextBlob, "data key": data.Plaintext, "its ciphertext": data.CiphertextBlob}
	for file := range allFiles(t, cfg.Data) {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for what, v := range hidden {
			for _, spelled := range [][]byte{v, []byte(base64.StdEncoding.EncodeToString(v))} {
				if bytes.Contains(b, spelled) {
					t.Errorf("%s has the %s", file, what)
				}
			}
		}
		if bytes.Contains(b, []byte(*granted.GrantToken)) {
			t.Errorf("%s has the grant token", file)
		}
	}
}

// allFiles are the files in a folder and below.
func allFiles(t *testing.T, folder string) map[string]bool {
	t.Helper()
	all := map[string]bool{}
	err := filepath.WalkDir(folder, func(path string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			all[path] = true
		}
		return err
	})
	if err != nil || len(all) < 5 {
		t.Fatalf("%d files, %v", len(all), err)
	}
	return all
}

// askingService is a service that is given keys, and uses them.
func askingService(opened func(*service.Kernel)) *service.Service {
	return &service.Service{Name: "asking", Open: func(k *service.Kernel) (*service.Opened, error) {
		opened(k)
		return &service.Opened{}, nil
	}}
}

// TestServicesAreGivenKeys: those behind KMS get this server's keys, or with --keys-endpoint
// those of another service; here that is another server's.
func TestServicesAreGivenKeys(t *testing.T) {
	var kernel *service.Kernel
	ask := func(k *service.Kernel) { kernel = k }
	here := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second, Services: append(Services(), askingService(ask))}
	s := start(t, here)
	root := rootKey(t, here.Data)
	made, err := sdkOf(s, root).CreateKey(t.Context(), &sdk.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	arn := *made.KeyMetadata.Arn
	use := func(k *service.Kernel, key string) ([]byte, []byte, error) {
		r := datakey.Request{World: engine.World{Account: defaults.Account, Region: defaults.Region}, Key: key, Caller: k.Accounts.Root(defaults.Account), Via: "states." + defaults.Region + ".amazonaws.com"}
		if got, err := k.Keys.Describe(t.Context(), r); err != nil || got != (datakey.Key{ARN: arn, State: "ENABLED", Symmetric: true}) {
			return nil, nil, fmt.Errorf("%+v, %w", got, err)
		}
		data, err := k.Keys.GenerateDataKey(t.Context(), r)
		if err != nil {
			return nil, nil, err
		}
		plain, err := k.Keys.Decrypt(t.Context(), r, data.Blob)
		if err == nil && !bytes.Equal(plain, data.Plaintext) {
			err = errors.New("it opened as another one")
		}
		return data.Blob, plain, err
	}
	blob, plain, err := use(kernel, arn)
	if err != nil {
		t.Fatal(err)
	}

	services := append(Services(), askingService(ask))
	for _, one := range services {
		if o, ok := one.Options.(*kms.Options); ok {
			o.Outside.Endpoint, o.Outside.Region, o.Outside.AccessKey, o.Outside.SecretKey = s.URL(), defaults.Region, root.AccessKeyID, root.SecretAccessKey
		}
	}
	start(t, Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second, Services: services})
	if _, _, err := use(kernel, arn); err != nil {
		t.Fatalf("of another service: %v", err)
	}
	// It is the same key, for both.
	if got, err := kernel.Keys.Decrypt(t.Context(), datakey.Request{}, blob); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("what was made there: %v", err)
	}
	if _, _, err := use(kernel, "alias/none"); err == nil {
		t.Error("a key that is not there")
	}
}

// TestEveryActionOfKMSNeedsAPermission has a user without any try all its actions, then one
// who may do all but that one.
func TestEveryActionOfKMSNeedsAPermission(t *testing.T) {
	h := newHarness(t)
	id := keyIDIn(h.must(h.kms(h.root, "CreateKey", `{}`)))
	h.must(h.kms(h.root, "CreateAlias", `{"AliasName":"alias/real","TargetKeyId":"`+id+`"}`))
	blob := h.field("CiphertextBlob", h.must(h.kms(h.root, "Encrypt", `{"KeyId":"`+id+`","Plaintext":"AAAA"}`)))
	body := `{"KeyId":"` + id + `","TargetKeyId":"` + id + `","DestinationKeyId":"` + id + `","AliasName":"alias/real","CiphertextBlob":"` + blob + `","Plaintext":"AAAA",
		"KeySpec":"AES_256","Policy":"{}","Tags":[{"TagKey":"a","TagValue":"b"}],"TagKeys":["a"],"Description":"d","GrantId":"g","Operations":["Decrypt"],
		"GranteePrincipal":"arn:aws:iam::` + defaults.Account + `:root","RetiringPrincipal":"arn:aws:iam::` + defaults.Account + `:root","NumberOfBytes":1}`
	nobody := h.user("nobody")
	of := kms.Service()
	asked := 0
	for action := range of.Rates {
		body := body
		if action == "CreateKey" {
			body = `{"Tags":[{"TagKey":"a","TagValue":"b"}]}`
		}
		denied := []string{"kms:" + action}
		if action == "ReEncrypt" {
			denied = []string{"kms:ReEncryptFrom", "kms:ReEncryptTo"}
		}
		h.refused("AccessDeniedException", h.kms(nobody, action, body))
		for i, one := range denied {
			asked++
			all := h.user(fmt.Sprint("but", action, i), everything, `{"Effect":"Deny","Action":"`+one+`","Resource":"*"}`)
			h.refused("AccessDeniedException", h.kms(all, action, body))
			// What the key's own policy denies nobody may, not even the root user.
			deny, _ := json.Marshal(policyOf(`{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"kms:*","Resource":"*"}`, `{"Effect":"Deny","Principal":"*","Action":"`+one+`","Resource":"*"}`))
			guarded := keyIDIn(h.must(h.kms(h.root, "CreateKey", `{"BypassPolicyLockoutSafetyCheck":true,"Policy":`+string(deny)+`}`)))
			if ofKey := !slices.Contains([]string{"CreateKey", "ListKeys", "ListAliases", "ListRetirableGrants", "GenerateRandom"}, action); ofKey && action != "Decrypt" && action != "ReEncrypt" && action != "DeleteAlias" {
				h.refused("AccessDeniedException", h.kms(h.root, action, strings.ReplaceAll(body, id, guarded)))
			}
		}
	}
	if asked < 34 {
		t.Errorf("%d actions were asked", asked)
	}
}
