package crash

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	awscredentials "heddle/internal/aws/credentials"
	"heddle/internal/sealing"
	heddle "heddle/internal/server"
)

var (
	kills      = flag.Int("kills", 25, "how often the server is killed, in all")
	executions = flag.Int("executions", 0, "how many executions the largest part runs; 0: enough for the kills")
	checkEvery = flag.Int("check-every", 1, "check the store after each n-th kill")
	storeFlag  = flag.String("store", "pebble", "pebble, or postgres: then PostgreSQL is killed too, in every second kill")
	seed       = flag.Uint64("seed", 0, "seed of when the kills come; 0: another one each time")
)

// scratch is a folder for what all tests share.
var scratch string

func TestMain(m *testing.M) {
	flag.Parse()
	if where := os.Getenv(workerOf); where != "" {
		fmt.Fprintln(os.Stderr, work(where))
		os.Exit(1)
	}
	var err error
	if scratch, err = os.MkdirTemp("", "heddle-crash-"); err != nil {
		panic(err)
	}
	result := m.Run()
	os.RemoveAll(scratch)
	os.Exit(result)
}

// parts are the forms that executions have, and for how long they are kept.
var parts = []struct {
	name          string
	workflows     workflows
	share         int // of the executions: one in so many
	retentionDays int
}{
	{"orders", orders(), 1, 7},
	{"orders kept for no time", orders(), 2, 0},
	{"lates", lates(), 2, 7},
	{"families", families(), 4, 7},
	{"families kept for no time", families(), 4, 0},
}

// share is how many of a test's kills one part gets: each form of executions is one, and state
// machines are another.
func share() int { return (*kills + len(parts)) / (len(parts) + 1) }

func TestCrash(t *testing.T) {
	binary := build(t)
	seeds := seeded(t)
	t.Run("state machines", func(t *testing.T) {
		t.Parallel()
		crashMachines(t, binary, share(), seeds(300))
	})
	for i, part := range parts {
		t.Run(part.name, func(t *testing.T) {
			t.Parallel()
			many := *executions
			if many == 0 {
				many = max(1000, *kills*8)
			}
			crash(t, binary, part.workflows, max(1, many/part.share), share(), part.retentionDays, seeds(i), *storeFlag)
		})
	}
}

// TestCrashPostgres is the same with the store in PostgreSQL, of which every second kill
// is one: as by a power cut, but for what is lost with a machine.
func TestCrashPostgres(t *testing.T) {
	t.Parallel()
	crash(t, build(t), orders(), max(300, *kills*8), max(6, *kills/5), 7, seeded(t)(400), "postgres")
}

// Servers are killed at their first start, of which the store, the keys and the
// trail may be there or not. The next start must do.
func TestKilledFirstStarts(t *testing.T) {
	t.Parallel()
	binary := build(t)
	random := seeded(t)(100)
	opens := 100 * time.Millisecond
	for range max(3, *kills/5) {
		k := &killer{victim: &victim{binary: binary, data: t.TempDir(), addr: "127.0.0.1:0"}, random: random, checkEvery: 1}
		k.rootKey = sealing.RootKeyFile(k.data)
		for range 1 + random.IntN(3) {
			if ended, err := k.runUntil(k.moment(opens), k.serve()); ended || err != nil {
				t.Fatalf("the server exited while it started: %v", err)
			}
		}
		server, err := process.Start(t.Output(), binary, k.serve()...)
		if err != nil {
			t.Fatal(err)
		}
		opens = server.Opened
		root, err := awscredentials.ReadFile(heddle.CredentialsFile(k.data))
		if err != nil {
			t.Fatal(err)
		}
		conn := client.New(server.Addr, client.Credentials{AccessKey: root.KeyID, SecretKey: string(root.Secret), Region: "us-east-1"})
		if _, err := conn.Call("RegisterDomain", []byte(`{"name":"crash","workflowExecutionRetentionPeriodInDays":"7"}`)); err != nil {
			t.Error(err)
		}
		if err := server.Kill(); err != nil {
			t.Error(err)
		}
		conn.Close()
		if err := k.killed(k.rootKey); err != nil {
			t.Fatal(err)
		}
	}
}

// Pollers vanish while they wait or just as they are answered; nothing is killed.
// (Both at once may cost a timeout: a server that is killed can't see that an
// answer it has sent was never read.)
func TestVanishingPollers(t *testing.T) {
	t.Parallel()
	w := orders()
	w.fickle = true
	crash(t, build(t), w, 500, 0, 7, seeded(t)(200), *storeFlag)
}

var built struct {
	sync.Once
	binary string
	err    error
}

// build compiles the server, once.
func build(t *testing.T) string {
	built.Do(func() { built.binary, built.err = process.Build(t.Context(), scratch) })
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.binary
}

// seeded gives randomness for each part of a test, all from one seed, which is
// told if the test fails.
func seeded(t *testing.T) func(part int) *rand.Rand {
	from := *seed
	if from == 0 {
		from = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("kills at the same moments: go test ./bench/crash -count=1 -v -run '^%s$' -seed %d -kills %d -executions %d -check-every %d",
				t.Name(), from, *kills, *executions, *checkEvery)
		}
	})
	return func(part int) *rand.Rand { return rand.New(rand.NewPCG(from, uint64(part))) }
}

// patience is how long nothing may happen while the server is up. Tasks time out
// after ten hours, and polls end after 55 s; what waits for those is too late.
const patience = 45 * time.Second

func crash(t *testing.T, binary string, w workflows, executions, kills, retentionDays int, random *rand.Rand, store string) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	fail := func(err error) {
		t.Error(err)
		cancel()
	}
	l := newListeners(t, rand.New(rand.NewPCG(random.Uint64(), 1)))
	v := newVictim(t, binary, l.config, store, fail)
	c := newCrowd(v, w, executions, fail)
	if err := c.declare(ctx, retentionDays); err != nil {
		t.Fatal(err)
	}
	k := &killer{victim: v, random: random, checkEvery: *checkEvery, opens: v.server.Opened}
	var killing sync.WaitGroup
	killing.Go(func() { k.kill(ctx, kills, int64(executions*w.stepsMin)*9/10, fail) })
	began := time.Now()
	stalled := v.watch(ctx, cancel)
	c.run(ctx)
	took := time.Since(began)
	if stalled() {
		t.Errorf("nothing has happened for %s; %d of %d executions did not complete", patience, c.left.Load(), executions)
	}
	cancelled := ctx.Err() != nil
	killing.Wait()
	t.Logf("%d executions in %s, %s; %d steps acknowledged; %d tasks delivered again",
		executions, took.Round(time.Millisecond), k, v.acknowledged.Load(), c.ledger.twice)
	if stalled() && v.wait(t.Context()) == nil {
		t.Log(c.stuck(t.Context()))
	}
	if cancelled {
		return
	}
	if k.kills < kills {
		t.Errorf("%d kills, want %d", k.kills, kills)
	}
	if err := c.inspect(ctx, retentionDays > 0); err != nil {
		t.Error(err)
	}
	if err := l.settle(ctx, t, c.histories); err != nil {
		t.Error(err)
	}
	if err := v.stop(); err != nil {
		t.Error(err)
	}
	if err := v.check(v.rootKey); err != nil {
		t.Error(err)
	}
	if err := audited(ctx, v.data, v.rootKey, k.kills); err != nil {
		t.Error(err)
	}
}
