package overload

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	awscredentials "heddle/internal/aws/credentials"
	heddle "heddle/internal/server"
)

var (
	polls     = flag.Int("polls", 300, "idle polls")
	requests  = flag.Int("requests", 200, "requests at a time that the server allows")
	sustained = flag.Duration("sustained", time.Second, "how long to measure what the server sustains")
	flooded   = flag.Duration("flood", 2*time.Second, "how long to ask for more")
)

// Who asks. To the server each address is a client, who may have half of the
// requests.
var (
	prober = net.IPv4(127, 0, 0, 1)
	greedy = net.IPv4(127, 0, 0, 2)
	idler  = net.IPv4(127, 0, 0, 3)
)

// What is held against the measurements.
const (
	heldMin         = 10 * time.Second // a shorter flood is too noisy for rates and times
	times           = 4                // of what the server sustains are asked for
	inFlight        = 64               // calls at a time of the sustained load
	keptPercent     = 15               // least of the sustained calls/s that are done in the flood; refusals and load take their CPU from the same processors
	costTimes       = 1.25             // most of the sustained server CPU for each call, done or refused
	waitTimes       = 5                // most of the mean time that a call waits: calls at a time by calls/s
	connectionBytes = 96 << 10         // most that each connection may cost
	extraBytes      = 256 << 20        // and all else
	slowTimes       = 4                // most of the probe's time when idle, afterwards
	recoveryMax     = 10 * time.Second // until it is so
)

func TestOverload(t *testing.T) {
	s := open(t)
	waiting := s.wait(*polls)
	p := s.probe()
	time.Sleep(*sustained / 2)
	quiet, empty := p.between(time.Time{}, time.Now()), s.rss()

	f := s.newFlood()
	f.run(inFlight, 0, *sustained/2) // the server may still have to grow
	before := f.run(inFlight, 0, *sustained)
	t.Logf("sustained: %s", before)

	share := *requests / 2
	connections := share + share/2
	after := f.run(connections, times*before.perSecond(before.pairs), *flooded)
	t.Logf("flooded by %d connections: %s", connections, after)
	recovered := p.recovers(after.ended, slowTimes*quiet.median()+20*time.Millisecond)
	t.Logf("a workflow of another client: %s when idle, %s in the sustained load, %s in the flood, as at first %s after it",
		quiet, p.between(before.began, before.ended), p.between(after.began, after.ended), recovered.Round(time.Millisecond))
	p.stop(t)
	waiting.check(t)

	if after.refused == 0 {
		t.Errorf("nothing was refused")
	}
	if most := empty + int64(connections)*connectionBytes + extraBytes; after.rss > most {
		t.Errorf("the server has %d MB, want at most %d", after.rss>>20, most>>20)
	}
	t.Logf("memory %d MB with %d idle polls, then at most %d MB", empty>>20, *polls, after.rss>>20)
	kept := 100 * after.perSecond(after.accepted) / before.perSecond(before.accepted)
	t.Logf("%.0f %% of the sustained calls/s are left", kept)
	if *flooded >= heldMin {
		mean := time.Duration(float64(share) / after.perSecond(after.accepted) * float64(time.Second))
		if p99 := after.latency(0.99); p99 > waitTimes*mean {
			t.Errorf("one call in a hundred waits for more than %s; the mean is %s", p99, mean)
		}
		if kept < keptPercent {
			t.Errorf("that is less than %d %%", keptPercent)
		}
		if cost, was := after.cost(), before.cost(); float64(cost) > costTimes*float64(was) {
			t.Errorf("a call costs %s of the server's CPU, %s before", cost, was)
		}
		if recovered >= recoveryMax {
			t.Errorf("%s after the flood the probe was not as quick as before", recoveryMax)
		}
	}
	f.settle(t)
	s.close(t)
}

// stage is the server.
type stage struct {
	t           *testing.T
	server      *process.Server
	data        string
	binary      string
	credentials client.Credentials
	log         *os.File
}

func open(t *testing.T) *stage {
	t.Helper()
	s := &stage{t: t, data: t.TempDir()}
	var err error
	if s.binary, err = process.Build(t.Context(), t.TempDir()); err != nil {
		t.Fatal(err)
	}
	if s.log, err = os.Create(filepath.Join(t.TempDir(), "log")); err != nil {
		t.Fatal(err)
	}
	s.server, err = process.Start(s.log, s.binary, "serve", "--data", s.data, "--listen", "127.0.0.1:0", "--limit-requests", fmt.Sprint(*requests))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.server.Kill()
		if text, err := os.ReadFile(s.log.Name()); t.Failed() && err == nil {
			t.Logf("the server's log:\n%s", text[max(0, len(text)-4096):])
		}
		s.log.Close()
	})
	root, err := awscredentials.ReadFile(heddle.CredentialsFile(s.data))
	if err != nil {
		t.Fatal(err)
	}
	s.credentials = client.Credentials{AccessKey: root.KeyID, SecretKey: string(root.Secret), Region: "us-east-1"}
	conn := s.connect(prober)
	defer conn.Close()
	const long = `"defaultTaskStartToCloseTimeout":"36000"`
	for _, d := range []struct{ action, body string }{
		{"RegisterDomain", `{"name":"overload","workflowExecutionRetentionPeriodInDays":"7"}`},
		{"RegisterDomain", `{"name":"probe","workflowExecutionRetentionPeriodInDays":"NONE"}`},
		{"RegisterWorkflowType", `{"domain":"overload","name":"order","version":"1","defaultTaskList":{"name":"nobody"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"36000",` + long + `}`},
		{"RegisterWorkflowType", `{"domain":"probe","name":"order","version":"1","defaultTaskList":{"name":"probe"},"defaultChildPolicy":"TERMINATE","defaultExecutionStartToCloseTimeout":"36000",` + long + `}`},
		{"RegisterActivityType", `{"domain":"probe","name":"work","version":"1","defaultTaskList":{"name":"probe"},"defaultTaskScheduleToStartTimeout":"36000","defaultTaskScheduleToCloseTimeout":"36000","defaultTaskHeartbeatTimeout":"NONE",` + long + `}`},
	} {
		if _, err := conn.Call(d.action, []byte(d.body)); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (s *stage) connect(from net.IP) *client.Conn {
	conn := client.New(s.server.Addr, s.credentials)
	conn.From(from)
	return conn
}

func (s *stage) usage() process.Usage {
	u, err := s.server.Usage()
	if err != nil {
		s.t.Fatal(err)
	}
	return u
}

func (s *stage) rss() int64 { return s.usage().RSSBytes }

// close stops the server, and reads its log and its store.
func (s *stage) close(t *testing.T) {
	if err := s.server.Stop(); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(s.log.Name())
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("the server's log: %s", line)
		}
	}
	if out, err := exec.Command(s.binary, "check", "--data", s.data).CombinedOutput(); err != nil {
		t.Errorf("check of the store: %v\n%s", err, out)
	}
}

// spans are times that something took.
type spans []time.Duration

func (s spans) at(p float64) time.Duration {
	if len(s) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(s))
	return sorted[min(len(s)-1, int(p*float64(len(s))))]
}

func (s spans) median() time.Duration { return s.at(0.5) }

func (s spans) String() string {
	return fmt.Sprintf("%s (at most %s, of %d)", s.median().Round(100*time.Microsecond), s.at(1).Round(time.Millisecond), len(s))
}
