package attack

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	"heddle/internal/aws/credentials"

	"github.com/aws/aws-sdk-go-v2/aws"
)

var (
	size   = flag.Int("size", 600, "connections of an attack")
	held   = flag.Duration("held", time.Second, "how long it is held")
	binary = flag.String("binary", "", "server to attack; empty: the one that is built from this source")
)

// target is a server that is attacked, and its owner's key.
type target struct {
	*process.Server
	t    *testing.T
	data string
	key  credentials.KeyPair
	log  *bytes.Buffer
}

// TestMain builds the server that is attacked, once for all tests.
func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(run(m))
}

func run(m *testing.M) int {
	if *binary == "" {
		dir, err := os.MkdirTemp("", "heddle-attack-")
		if err == nil {
			defer os.RemoveAll(dir)
			*binary, err = process.Build(context.Background(), dir)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	return m.Run()
}

// open starts a server, which keeps no trail unless the flags say so, and may have so
// many descriptors; 0: as many as there are.
func open(t *testing.T, descriptors int, flags ...string) *target {
	t.Helper()
	data := t.TempDir()
	args := append([]string{"serve", "--listen", "127.0.0.1:0", "--data", data, "--audit", "off"}, flags...)
	program := *binary
	if descriptors > 0 {
		args = append([]string{"-c", fmt.Sprintf(`ulimit -n %d; exec "$@"`, descriptors), "sh", program}, args...)
		program = "/bin/sh"
	}
	log := &bytes.Buffer{}
	s, err := process.Start(log, program, args...)
	if err != nil {
		t.Fatal(err, log)
	}
	t.Cleanup(func() {
		_ = s.Kill() // unless it has ended
		if t.Failed() {
			t.Log(log)
		}
	})
	key, err := credentials.ReadFile(filepath.Join(data, "credentials"))
	if err != nil {
		t.Fatal(err)
	}
	return &target{s, t, data, key, log}
}

func (s *target) rss() int64 {
	s.t.Helper()
	u, err := s.Usage()
	if err != nil {
		s.t.Fatal(err)
	}
	return u.RSSBytes
}

// owner is the root user, at an address of his own.
func (s *target) owner() *client.Conn {
	c := client.New(s.Addr, client.Credentials{AccessKey: s.key.KeyID, SecretKey: string(s.key.Secret), Region: "us-east-1"})
	c.From(net.IPv4(127, 0, 0, 1))
	return c
}

// call is a request of this server.
func (s *target) call(action, body string) Request {
	return Request{Host: s.Addr, Action: action, Body: body, Now: time.Now()}
}

func (s *target) signed(action, body string) Request {
	r := s.call(action, body)
	r.Key = aws.Credentials{AccessKeyID: s.key.KeyID, SecretAccessKey: string(s.key.Secret)}
	return r
}

// served are the owner's calls beside an attack.
type served struct {
	calls, refused int
	slowest        time.Duration
	rss            int64 // most
	err            error
}

// serve calls the server as its owner, each time on a new connection, for a while.
func (s *target) serve(ctx context.Context, pause time.Duration) (v served) {
	for ; ctx.Err() == nil; time.Sleep(pause) {
		c, began := s.owner(), time.Now()
		stop := time.AfterFunc(20*time.Second, c.HangUp)
		_, err := c.Call("ListDomains", []byte(`{"registrationStatus":"REGISTERED"}`))
		stop.Stop()
		c.Close()
		v.calls++
		v.slowest = max(v.slowest, time.Since(began))
		if err != nil {
			v.refused++
			v.err = err
		}
		if u, err := s.Usage(); err == nil {
			v.rss = max(v.rss, u.RSSBytes)
		}
	}
	return v
}

const megabyte = 1 << 20

// TestDoor has crowds of strangers at a whole server, whose owner is served meanwhile as
// if nobody were there, in bounded memory.
func TestDoor(t *testing.T) {
	const large = 900 << 10 // a body of RespondDecisionTaskCompleted
	decisions := `{"taskToken":"` + strings.Repeat("x", large) + `"}`
	for _, c := range []struct {
		name        string
		addresses   int
		descriptors int
		memory      int64 // most that it may cost
		member      func(s *target) Member
	}{
		{"heads that nobody signed, without bodies", 2, 0, 64 * megabyte, func(s *target) Member {
			head, _ := s.call("ListDomains", `{"registrationStatus":"REGISTERED"}`).Bytes()
			return Member{Send: head}
		}},
		{"heads of a known key, without bodies", 2, 0, 64 * megabyte, func(s *target) Member {
			r := s.call("ListDomains", `{"registrationStatus":"REGISTERED"}`)
			r.KeyID = s.key.KeyID
			head, _ := r.Bytes()
			return Member{Send: head}
		}},
		{"large bodies but for their ends, that nobody signed", 1, 0, 64 * megabyte, func(s *target) Member {
			head, body := s.call("RespondDecisionTaskCompleted", decisions).Bytes()
			return Member{Send: append(head, body[:len(body)-1]...)}
		}},
		{"large bodies but for their ends, of a known key", 1, 0, 512 * megabyte, func(s *target) Member {
			r := s.call("RespondDecisionTaskCompleted", decisions)
			r.KeyID = s.key.KeyID
			head, body := r.Bytes()
			return Member{Send: append(head, body[:len(body)-1]...)}
		}},
		{"slow bodies of a known key", 20, 0, 64 * megabyte, func(s *target) Member {
			r := s.call("ListDomains", `{"registrationStatus":"REGISTERED"}`)
			r.KeyID = s.key.KeyID
			head, body := r.Bytes()
			return Member{Send: head, Then: body, Pause: 500 * time.Millisecond}
		}},
		{"slow heads, with 1,024 descriptors", 20, 1024, 64 * megabyte, func(s *target) Member {
			head, _ := s.call("ListDomains", "{}").Bytes()
			return Member{Send: head[:20], Then: head[20:], Pause: 500 * time.Millisecond}
		}},
		{"large heads but for their ends", 2, 0, 512 * megabyte, func(s *target) Member {
			r := s.call("ListDomains", "{}")
			r.Padding = 60 << 10
			head, _ := r.Bytes()
			return Member{Send: head[:len(head)-2]}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.descriptors)
			ctx, end := context.WithCancel(t.Context())
			v, seen := served{}, make(chan served)
			go func() { seen <- s.serve(ctx, 20*time.Millisecond) }()
			before := s.rss()
			crowd := Gather(t.Context(), s.Addr, Addresses(c.addresses), *size, c.member(s))
			time.Sleep(*held)
			end()
			v = <-seen
			t.Logf("%d connections of %d addresses, %d ended by the server, %d failed; the owner: %d calls, %d refused, slowest %s; %d MB more",
				crowd.Opened.Load(), c.addresses, crowd.Ended.Load(), crowd.Failed.Load(), v.calls, v.refused, v.slowest.Round(time.Millisecond), (v.rss-before)/megabyte)
			crowd.Leave()
			if v.refused > 0 || v.calls == 0 {
				t.Errorf("%d of %d calls of the owner were refused: %v", v.refused, v.calls, v.err)
			}
			if v.rss-before > c.memory {
				t.Errorf("%d MB more", (v.rss-before)/megabyte)
			}
		})
	}
}

// TestUnreadAnswers has clients who ask for large answers and read none.
func TestUnreadAnswers(t *testing.T) {
	s := open(t, 0, "--limit-requests", "1000")
	owner := s.owner()
	defer owner.Close()
	text := strings.Repeat("x", 32_000)
	for _, call := range [][2]string{
		{"RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"7"}`},
		{"RegisterWorkflowType", `{"domain":"shop","name":"order","version":"1","defaultTaskList":{"name":"deciders"},
			"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`},
		{"StartWorkflowExecution", `{"domain":"shop","workflowId":"a","workflowType":{"name":"order","version":"1"}}`},
	} {
		if _, err := owner.Call(call[0], []byte(call[1])); err != nil {
			t.Fatal(err)
		}
	}
	run := string(client.Text(must(t, owner, "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`), "runId"))
	for range 256 {
		must(t, owner, "SignalWorkflowExecution", `{"domain":"shop","workflowId":"a","signalName":"s","input":"`+text+`"}`)
	}
	head, body := s.signed("GetWorkflowExecutionHistory", `{"domain":"shop","execution":{"workflowId":"a","runId":"`+run+`"}}`).Bytes()
	before := s.rss()
	ctx, end := context.WithCancel(t.Context())
	seen := make(chan served)
	go func() { seen <- s.serve(ctx, 20*time.Millisecond) }()
	crowd := Gather(t.Context(), s.Addr, Addresses(2), *size, Member{Send: slices.Concat(head, body), Deaf: true, Narrow: true})
	time.Sleep(*held)
	end()
	v := <-seen
	t.Logf("%d connections, answers of megabytes; the owner: %d calls, %d refused, slowest %s; %d MB more",
		crowd.Opened.Load(), v.calls, v.refused, v.slowest.Round(time.Millisecond), (v.rss-before)/megabyte)
	crowd.Leave()
	if v.refused > 0 || v.rss-before > 512*megabyte {
		t.Errorf("%d refused: %v; %d MB more", v.refused, v.err, (v.rss-before)/megabyte)
	}
}

func must(t *testing.T, c *client.Conn, action, body string) []byte {
	t.Helper()
	answer, err := c.Call(action, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return answer
}

// TestStopsAtOnce has a server end while others let it wait: nothing was done of what has
// not come.
func TestStopsAtOnce(t *testing.T) {
	for name, member := range map[string]func(s *target) Member{
		"heads without bodies": func(s *target) Member {
			head, _ := s.signed("ListDomains", `{"registrationStatus":"REGISTERED"}`).Bytes()
			return Member{Send: head}
		},
		"half a head": func(s *target) Member {
			head, _ := s.signed("ListDomains", `{}`).Bytes()
			return Member{Send: head[:20]}
		},
		"nothing": func(*target) Member { return Member{} },
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, 0)
			crowd := Gather(t.Context(), s.Addr, Addresses(2), 20, member(s))
			defer crowd.Leave()
			must(t, s.owner(), "ListDomains", `{"registrationStatus":"REGISTERED"}`) // they are there
			began := time.Now()
			err := s.Stop()
			t.Logf("it ended after %s: %v", time.Since(began).Round(time.Millisecond), err)
			if err != nil || time.Since(began) > 8*time.Second {
				t.Errorf("it ended after %s: %v", time.Since(began), err)
			}
		})
	}
}
