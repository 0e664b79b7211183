package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"heddle/flow"
	keys "heddle/internal/aws/credentials"
	"heddle/internal/server"
)

// planted is in all that users give: input, result, error, heartbeat, signal, effect, status, panic, of a child and of a run that is continued too.
const planted = "planted-4711"

// everywhere hands the planted text to all that carries payloads.
func everywhere(mended *atomic.Bool) []flow.Implementation {
	carry := flow.Activity[string, string]{Name: "Carry", Version: "1", StartToClose: time.Minute, ManualHeartbeat: true, Heartbeat: time.Minute}
	child := flow.Workflow[string, string]{Name: "Child", Version: "1"}
	tell := flow.Signal[string]{Name: "Tell"}
	parent := flow.Workflow[string, string]{Name: "Everywhere", Version: "1"}
	return []flow.Implementation{
		parent.By(func(ctx flow.Context, in string) (string, error) {
			flow.SetStatus(ctx, in)
			if in != planted {
				said, err := tell.Receive(ctx) // that the run before has left
				if err != nil {
					return "", err
				}
				return said + in, errors.New(in)
			}
			flow.Effect(ctx, func() string { return in })
			if err := tell.Call(ctx, flow.Info(ctx).WorkflowID, in); err != nil { // read by nobody, so it rides along
				return "", err
			}
			if !mended.Load() {
				panic(in)
			}
			if _, err := carry.Call(ctx, in); err != nil {
				return "", err
			}
			if _, err := carry.Call(ctx, in+" fails"); !errors.Is(err, ErrDeclined) || !strings.Contains(err.Error(), planted) {
				return "", fmt.Errorf("the activity gave %w", err)
			}
			if _, err := child.Call(ctx, "child", in); err != nil {
				return "", err
			}
			return "", parent.ContinueAsNew(ctx, in+" again")
		}),
		child.By(func(ctx flow.Context, in string) (string, error) { return in, nil }),
		carry.By(func(ctx context.Context, in string) (string, error) {
			flow.Progress(ctx, in)
			if strings.HasSuffix(in, "fails") {
				return "", flow.WithData(fmt.Errorf("%s: %w", in, ErrDeclined), in)
			}
			return in, nil
		}),
	}
}

// What is sealed stands nowhere: not in what the server stores, logs, audits and measures, nor in the worker's log. The same without
// keys shows that the test would find it.
func TestPlantedStringsAreNowhere(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		t.Run(fmt.Sprintf("sealed %v", sealed), func(t *testing.T) {
			data := t.TempDir()
			var logged lockedBuffer
			log := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
			s, err := server.Start(t.Context(), server.Config{Listen: "127.0.0.1:0", Data: data, Sealing: server.SealingOff, Log: log})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close(context.Background())
			pair, err := keys.ReadFile(server.CredentialsFile(data))
			if err != nil {
				t.Fatal(err)
			}
			c := flow.New(aws.Config{
				Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: credentials.NewStaticCredentialsProvider(pair.KeyID, string(pair.Secret), ""),
			}, "planted")
			if sealed {
				if c.Crypt, err = flow.NewGCM("k", map[string][]byte{"k": make([]byte, 32)}); err != nil {
					t.Fatal(err)
				}
			}
			var mended atomic.Bool
			parked := make(chan string, 100)
			w := flow.NewWorker(c, flow.WorkerConfig{TaskList: "planted", RetentionDays: 1, BreakPolls: true, Log: log, Hooks: flow.Hooks{
				Parked: func(_ context.Context, _ flow.RunInfo, why string) { parked <- why },
			}}, everywhere(&mended)...)
			if err := w.Register(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- w.Run(ctx) }()
			run, err := flow.Workflow[string, string]{Name: "Everywhere", Version: "1"}.Start(t.Context(), c, "everywhere", planted)
			if err != nil {
				t.Fatal(err)
			}
			if why := <-parked; !strings.Contains(why, planted) {
				t.Errorf("the hook is told %q", why)
			}
			var status string
			if waits, err := run.Status(t.Context(), &status); err != nil || status != planted || len(waits) != 1 {
				t.Errorf("status %q at %q, %v", status, waits, err)
			}
			mended.Store(true)
			if err := (flow.Signal[flow.None]{Name: "flow.retry"}).Send(t.Context(), c, "everywhere", flow.None{}); err != nil {
				t.Fatal(err)
			}
			if _, err := run.Result(t.Context()); err == nil || !strings.Contains(err.Error(), planted+" again") {
				t.Errorf("got %v", err)
			}
			stop()
			if err := <-ended; err != nil {
				t.Error(err)
			}
			metrics := measured(t, s.URL(), filepath.Join(data, "metrics-token"))
			if err := s.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(logged.String(), "is parked") || !strings.Contains(metrics, "Everywhere") {
				t.Error("the log or the metrics do not tell of the workflow at all")
			}
			in := holding(t, data)
			if !sealed && (len(in) == 0 || !strings.Contains(logged.String(), planted)) {
				t.Errorf("without keys it should stand in the store and in the worker's log; it is in %q", in)
			}
			if sealed && (len(in) > 0 || strings.Contains(logged.String(), planted)) {
				t.Errorf("it stands in %q, or in a log:\n%s", in, logged.String())
			}
			if strings.Contains(metrics, planted) {
				t.Error("it stands in the metrics")
			}
		})
	}
}

// holding are the files below a folder that have the planted text.
func holding(t *testing.T, folder string) (names []string) {
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if bytes.Contains(text, []byte(planted)) {
			names = append(names, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func measured(t *testing.T, url, tokenFile string) string {
	token, err := os.ReadFile(tokenFile)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), "GET", url+"/metrics", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+strings.TrimSpace(string(token)))
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("metrics: %s, %v", answer.Status, err)
	}
	return string(text)
}

// lockedBuffer is a log that many write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}
