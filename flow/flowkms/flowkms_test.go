package flowkms_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/kms"

	"heddle/flow"
	"heddle/flow/flowkms"
	"heddle/heddletest"
)

var _ flow.Crypt = (*flowkms.Crypt)(nil)

// counting counts calls.
type counting struct {
	flowkms.API
	made, opened int
}

func (c *counting) GenerateDataKey(ctx context.Context, in *kms.GenerateDataKeyInput, o ...func(*kms.Options)) (*kms.GenerateDataKeyOutput, error) {
	c.made++
	return c.API.GenerateDataKey(ctx, in, o...)
}

func (c *counting) Decrypt(ctx context.Context, in *kms.DecryptInput, o ...func(*kms.Options)) (*kms.DecryptOutput, error) {
	c.opened++
	return c.API.Decrypt(ctx, in, o...)
}

// service has a key in a server in memory.
func service(t *testing.T) (*counting, string) {
	t.Helper()
	client := kms.NewFromConfig(heddletest.Start(t).AWS())
	key, err := client.CreateKey(t.Context(), &kms.CreateKeyInput{})
	if err != nil {
		t.Fatal(err)
	}
	return &counting{API: client}, *key.KeyMetadata.Arn
}

// KMS is asked for a data key by time and by number, and once for each that is met; contexts, changes and texts in clear are told apart.
func TestCrypt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api, key := service(t)
		cfg := flowkms.Config{KeyID: key, Context: map[string]string{"shop": "1"}, Seals: 10, Opened: 2}
		c := flowkms.New(api, cfg)
		var sealed []string
		seal := func() {
			t.Helper()
			text, err := c.Seal(t.Context(), "planted-string ä")
			if err != nil || strings.Contains(text, "planted") || !strings.HasPrefix(text, "flow+kms:") {
				t.Fatalf("sealed %q, %v", text, err)
			}
			sealed = append(sealed, text)
		}
		for range 11 {
			seal()
		}
		if api.made != 2 {
			t.Errorf("%d data keys for 11 texts, want 2", api.made)
		}
		time.Sleep(time.Hour)
		seal()
		if api.made != 3 || sealed[0] == sealed[1] {
			t.Errorf("%d data keys after an hour, want 3", api.made)
		}
		other := flowkms.New(api, cfg)
		for i, text := range sealed {
			if clear, err := other.Open(t.Context(), text); err != nil || clear != "planted-string ä" {
				t.Errorf("text %d: %q, %v", i, clear, err)
			}
		}
		if api.opened != 3 {
			t.Errorf("%d data keys were opened, want 3", api.opened)
		}
		if _, err := other.Open(t.Context(), sealed[0]); err != nil || api.opened != 4 { // two are remembered
			t.Errorf("%d data keys were opened, %v", api.opened, err)
		}
		if clear, err := other.Open(t.Context(), `{"of":"before"}`); err != nil || clear != `{"of":"before"}` {
			t.Errorf("text in clear: %q, %v", clear, err)
		}
		for why, text := range map[string]string{"cut": sealed[0][:len(sealed[0])-40], "changed": sealed[0][:len(sealed[0])-4] + "AAAA", "no text": "flow+kms:", "no key": "flow+kms:!:AAAA"} {
			if clear, err := other.Open(t.Context(), text); err == nil || !strings.Contains(err.Error(), key) {
				t.Errorf("%s: %q, %v", why, clear, err)
			}
		}
		cfg.Context = nil
		if _, err := flowkms.New(api, cfg).Open(t.Context(), sealed[0]); err == nil || !strings.Contains(err.Error(), "open a data key by KMS key") {
			t.Errorf("without its context: %v", err)
		}
		cfg.KeyID = "alias/none"
		if _, err := flowkms.New(api, cfg).Seal(t.Context(), "x"); err == nil || !strings.Contains(err.Error(), "make a data key of KMS key alias/none") {
			t.Errorf("without a key: %v", err)
		}
		if text, err := c.Seal(t.Context(), strings.Repeat("x", 23_500)); err != nil || len(text) > flow.MaxPayload {
			t.Errorf("23,500 characters take %d, %v", len(text), err)
		}
	})
}
