package flowtest

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/swf"

	"heddle/flow"
)

// What a test records is replayed from then on: a change that does not fit fails it, and so does an
// execution that was never recorded.
func TestRecord(t *testing.T) {
	nap := flow.Workflow[time.Duration, int]{Name: "Nap", Version: "1"}
	code := nap.By(func(ctx flow.Context, d time.Duration) (int, error) { return 1, flow.Sleep(ctx, d) })
	changed := nap.By(func(ctx flow.Context, d time.Duration) (int, error) { return 1, nil })
	cfg := Config{Record: t.TempDir()}
	key := []byte("a key of thirty-two bytes, or so")
	sealed := Config{Client: func(c *flow.Client) {
		gcm, err := flow.NewGCM("k", map[string][]byte{"k": key})
		if err != nil {
			t.Fatal(err)
		}
		c.Crypt = gcm
	}}
	sealed.test(t, func(t *testing.T, api *swf.Client, c *flow.Client) {
		run, err := nap.Start(t.Context(), c, "nap", time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := run.Result(t.Context()); err != nil {
			t.Fatal(err)
		}
		record := func(write bool, code flow.Implementation) error {
			*rewrite = write
			defer func() { *rewrite = false }()
			return cfg.record(api, c, []flow.Implementation{code})
		}
		if err := record(false, code); err == nil || !strings.Contains(err.Error(), "-flowtest.record keeps it") {
			t.Errorf("before it was recorded: %v", err)
		}
		if err := record(true, code); err != nil {
			t.Fatal(err)
		}
		if err := record(false, code); err != nil {
			t.Errorf("as it was recorded: %v", err)
		}
		if err := record(false, changed); err == nil || !strings.Contains(err.Error(), "does not fit its history") {
			t.Errorf("changed: %v", err)
		}
		Replayer{Strict: true, Client: c}.Replay(t, cfg.Record+"/*.json", code)
	}, []flow.Implementation{code})
}
