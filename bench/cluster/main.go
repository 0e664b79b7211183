// Command cluster runs three nodes on one PostgreSQL, with clients that call any of them, kills,
// stops, pauses and adds nodes meanwhile, and then judges: each workflow that was
// acknowledged has completed, once, with one completed activity and one completed child, and
// no task has timed out. It prints how long the longest step took around each event: a call, or
// the wait of a task that could have been given to a worker.
//
// Between nodes, and between them and PostgreSQL, are proxies that can be cut and made slow. In the
// end the running store is checked. Clients call the nodes in turn, as by a load balancer that asks for /ready; with -direct
// they try each, whatever it is.
//
//	go run ./bench/cluster -events kill,term,pause,join -for 15s
//	go run ./bench/cluster -events cut,oneway,slow,pgcut,pgslow,pgcrash,pgpause,promote
//	go run ./bench/cluster -events failover,kill,failover   # two PostgreSQL under pg_auto_failover, in place of one
//	go run ./bench/cluster -events behind   # a standby that is a second behind is promoted; what is lost is shut, and accepted
//	go run ./bench/cluster -events random -for 1h
//
// With -compare it does none of that, and measures several nodes against one, in turns:
//
//	go run ./bench/cluster -compare 3 -for 15s -clients 32
//	go run ./bench/cluster -compare 3 -for 15s -clients 32 -stay
//
// Its workflows have an activity and no child, and as many are in flight as there are workers of each kind. With -stay a
// client calls one node as long as that answers, as one does whose connection a load balancer keeps; else any node each time.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"heddle/bench/client"
	"heddle/bench/process"
	"heddle/internal/cluster/link/linktest"
	"heddle/internal/store/pgstore/pgtest"
)

func main() {
	events := flag.String("events", "kill,term,pause,join", "what happens, one after the other: kill, term, pause, join, upgrade; random: any, several at a time, for the whole time")
	each := flag.Duration("for", 15*time.Second, "how long each event is watched, and how long random ones happen; beside these an event is watched for 15 s at most")
	workers := flag.Int("clients", 16, "workers of each kind")
	nodes := flag.Int("nodes", 3, "how many nodes")
	binary := flag.String("binary", "", "the server; empty: it is built. With -compare several, with commas between")
	keep := flag.Bool("keep", false, "keep the folder, with the logs")
	direct := flag.Bool("direct", false, "clients know nothing of /ready, as without a load balancer")
	turns := flag.Int("compare", 0, "so many turns of one node and of -nodes, which are compared")
	stay := flag.Bool("stay", false, "with -compare: clients stay with a node that answers")
	flag.Parse()
	if *turns > 0 {
		if err := compare(*turns, *workers, *nodes, *each, *binary, *stay); err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*events, *each, *workers, *nodes, *binary, *keep, *direct); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err)
		os.Exit(1)
	}
}

type node struct {
	name, data, links string
	linksAt           string // where others find its links: links, or a way to it
	binary            string
	way               *linktest.Way   // of others to its links; nil: a comparison, whose processors it would cost
	toStore           []*linktest.Way // to PostgreSQL, and to its standby
	dsn               string
	log               *os.File
	mu                sync.Mutex
	server            *process.Server // nil: it is down
	sight             sight
}

type cluster struct {
	dir, binary, key string
	database         *pgtest.Server
	standby          *pgtest.Server  // nil: there is none, or it was promoted
	managed          *pgtest.Managed // in place of the two, for the event failover
	nodes            []*node
	clients          int
	direct           bool     // clients know nothing of /ready
	next             releases // for upgrades
	compares         bool     // workflows without a child, as many in flight as clients
	stay             bool     // clients stay with a node that answers

	starting, ending atomic.Bool
	manyAtOnce       atomic.Bool  // several events happen at a time, so the steps are none of theirs
	longest          atomic.Int64 // call since the last event, in ns
	steps            atomic.Int64
	faults           sync.Map // text -> *atomic.Int64
	waits            *waits
	slow             *linktest.Way // of the standby to the primary, for the event behind
	judged           bool          // what there is to judge, by the last event

	mu        sync.Mutex
	started   map[string]int    // acknowledged: how often each was sent
	runs      map[string]string // their run ids, as far as the first answer came
	completed map[string]bool
}

func run(events string, each time.Duration, clients, nodes int, binary string, keep, direct bool) (err error) {
	dir, err := os.MkdirTemp("", "heddle-cluster-")
	if err != nil {
		return err
	}
	fmt.Println("folder:", dir)
	if !keep {
		defer os.RemoveAll(dir)
	}
	if binary == "" {
		if binary, err = process.Build(context.Background(), dir); err != nil {
			return err
		}
	}
	var next releases
	if strings.Contains(events, "upgrade") {
		if next, err = nextReleases(dir); err != nil {
			return err
		}
	}
	c := &cluster{dir: dir, binary: binary, key: filepath.Join(dir, "root.key"), clients: clients, direct: direct, next: next, waits: newWaits(), runs: map[string]string{}, started: map[string]int{}, completed: map[string]bool{}}
	if strings.Contains(events, "failover") {
		if c.managed, err = pgtest.StartManaged(pgtest.Options{Folder: dir}); err == nil {
			defer c.managed.Remove()
		}
	} else if c.database, err = pgtest.Start(pgtest.Options{Folder: dir}); err == nil {
		defer c.database.Remove()
	}
	if errors.Is(err, pgtest.ErrAbsent) || errors.Is(err, pgtest.ErrNoManager) {
		fmt.Println("skipped:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer c.killAll()
	if strings.Contains(events, "promote") {
		if c.standby, err = c.database.Standby(pgtest.Options{Folder: dir}, "standby", c.database.Port()); err != nil {
			return err
		}
		defer c.standby.Remove()
		if err := c.database.SyncWith("standby"); err != nil {
			return err
		}
	}
	if strings.Contains(events, "behind") {
		if err := c.followSlowly(); err != nil {
			return err
		}
		defer c.standby.Remove()
	}
	for i := range nodes {
		if err := c.add(string(rune('a' + i))); err != nil {
			return err
		}
	}
	if err := c.register(); err != nil {
		return err
	}
	var all sync.WaitGroup
	c.several(false)
	c.starting.Store(true)
	c.work(&all)
	c.watch("nothing", min(each, 15*time.Second))
	for _, event := range strings.Split(events, ",") {
		watched := each
		if event != "random" && strings.Contains(events, "random") {
			watched = min(each, 15*time.Second)
		}
		if err := c.happen(event, watched); err != nil {
			return fmt.Errorf("%s: %w", event, err)
		}
	}
	c.starting.Store(false)
	if !c.judged {
		err = c.finish()
	}
	c.ending.Store(true)
	all.Wait()
	c.faults.Range(func(text, n any) bool {
		fmt.Printf("  %6d x %s\n", n.(*atomic.Int64).Load(), text)
		return true
	})
	return err
}

// add starts another node.
func (c *cluster) add(name string) error {
	n, err := c.prepare(name)
	if err != nil {
		return err
	}
	if err := c.start(n); err != nil {
		return err
	}
	if !c.direct {
		go c.balance(n)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.nodes = append(c.nodes, n)
	return nil
}

// prepare makes ways to a node, and its ways to PostgreSQL.
func (c *cluster) prepare(name string) (*node, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	links := l.Addr().String()
	l.Close()
	n := &node{name: name, data: filepath.Join(c.dir, name), links: links, linksAt: links, binary: c.binary}
	if c.compares {
		n.dsn = c.database.DSN()
		n.log, err = os.Create(filepath.Join(c.dir, name+".log"))
		return n, err
	}
	if n.way, err = linktest.NewWay(links); err != nil {
		return nil, err
	}
	n.linksAt = n.way.Addr()
	var hosts []string
	for _, port := range c.ports() {
		p, err := linktest.NewWay(fmt.Sprint("127.0.0.1:", port))
		if err != nil {
			return nil, err
		}
		n.toStore, hosts = append(n.toStore, p), append(hosts, p.Addr())
	}
	n.dsn = "postgres://heddle@" + strings.Join(hosts, ",") + "/heddle?sslmode=disable"
	n.log, err = os.Create(filepath.Join(c.dir, name+".log"))
	return n, err
}

// ports are where PostgreSQL is, or may be.
func (c *cluster) ports() (all []int) {
	if c.managed != nil {
		return c.managed.Ports()
	}
	for _, server := range []*pgtest.Server{c.database, c.standby} {
		if server != nil {
			all = append(all, server.Port())
		}
	}
	return all
}

func (c *cluster) start(n *node) error {
	s, err := process.Start(n.log, n.binary, "serve", "--store", "postgres", "--postgres", n.dsn, "--node", n.name, "--cluster-listen", n.links, "--cluster-address", n.linksAt,
		"--listen", "127.0.0.1:0", "--data", n.data, "--auth", "none", "--root-key-file", c.key, "--poll-hold", "5s", "--limit-client-percent", "100")
	if err != nil {
		return fmt.Errorf("node %s: %w", n.name, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.server = s
	return nil
}

func (c *cluster) killAll() {
	for _, n := range c.nodes {
		if n.server != nil {
			_ = n.server.Signal(syscall.SIGCONT)
			_ = n.server.Kill()
		}
		if n.way != nil {
			n.way.Close()
		}
		for _, p := range n.toStore {
			p.Close()
		}
	}
}

// take has clients call the node no more, and gives its server.
func (n *node) take() *process.Server {
	n.mu.Lock()
	defer n.mu.Unlock()
	s := n.server
	n.server = nil
	return s
}

// trouble is for how long things are paused, cut off or slow.
const trouble = 6 * time.Second

// happenings are what may happen to a node, and to all.
var happenings = map[string]func(c *cluster, n *node, each time.Duration) error{
	"kill": func(c *cluster, n *node, each time.Duration) error {
		if err := n.take().Kill(); err != nil {
			return err
		}
		c.watch("kill -9 of "+n.name, each)
		return c.joinAgain(n, each)
	},
	"term": func(c *cluster, n *node, each time.Duration) error {
		if err := n.take().Stop(); err != nil && !c.manyAtOnce.Load() { // it may not reach PostgreSQL
			return err
		}
		c.watch("SIGTERM to "+n.name, each)
		return c.joinAgain(n, each)
	},
	"pause": func(c *cluster, n *node, each time.Duration) error {
		if err := n.server.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(trouble)
		if err := n.server.Signal(syscall.SIGCONT); err != nil {
			return err
		}
		c.watch("SIGSTOP of "+n.name+" for 6 s", each)
		return nil
	},
	"join": func(c *cluster, _ *node, each time.Duration) error {
		name := string(rune('a' + len(c.nodes)))
		if err := c.add(name); err != nil {
			return err
		}
		c.watch("join of "+name, each)
		return nil
	},
	"failover": func(c *cluster, _ *node, each time.Duration) error {
		began := time.Now()
		if err := errors.Join(c.managed.KillPrimary(), c.managed.Promoted()); err != nil {
			return err
		}
		c.watch(fmt.Sprintf("pg_auto_failover promoted in %.1f s", time.Since(began).Seconds()), each)
		if err := c.managed.Return(); err != nil {
			return err
		}
		c.watch("the killed server follows again", each/2)
		return nil
	},
	"behind":  func(c *cluster, _ *node, each time.Duration) error { return c.behind(each) },
	"upgrade": func(c *cluster, _ *node, each time.Duration) error { return c.upgrade(each) },
	"cut": func(c *cluster, n *node, each time.Duration) error {
		n.way.Set(true, true, 0)
		return c.healed(each, "links to "+n.name+" cut for 6 s", n.way)
	},
	"oneway": func(c *cluster, n *node, each time.Duration) error {
		way := rand.IntN(2)
		n.way.Set(way == linktest.There, way == linktest.Back, 0)
		return c.healed(each, "links to "+n.name+" cut one way", n.way)
	},
	"slow": func(c *cluster, n *node, each time.Duration) error {
		n.way.Set(false, false, 100*time.Millisecond)
		return c.healed(each, "links to "+n.name+" slow, 200 ms", n.way)
	},
	"pgcut": func(c *cluster, n *node, each time.Duration) error {
		for _, p := range n.toStore {
			p.Set(true, true, 0)
		}
		return c.healed(each, n.name+" cut off from PostgreSQL", n.toStore...)
	},
	"pgslow": func(c *cluster, n *node, each time.Duration) error {
		for _, p := range n.toStore {
			p.Set(false, false, 50*time.Millisecond)
		}
		return c.healed(each, "PostgreSQL slow for "+n.name, n.toStore...)
	},
	"pgcrash": func(c *cluster, _ *node, each time.Duration) error {
		began := time.Now()
		if err := errors.Join(c.database.Crash(), c.database.Start()); err != nil {
			return err
		}
		c.watch(fmt.Sprintf("PostgreSQL crashed, there again after %.1f s", time.Since(began).Seconds()), each)
		return nil
	},
	"pgpause": func(c *cluster, _ *node, each time.Duration) error {
		if err := c.database.Signal(syscall.SIGSTOP); err != nil {
			return err
		}
		time.Sleep(trouble)
		if err := c.database.Signal(syscall.SIGCONT); err != nil {
			return err
		}
		c.watch("PostgreSQL paused for 6 s", each)
		return nil
	},
	"promote": func(c *cluster, _ *node, each time.Duration) error {
		if c.standby == nil {
			return errors.New("it was promoted before")
		}
		began := time.Now()
		if err := errors.Join(c.database.Crash(), c.standby.Promote()); err != nil {
			return err
		}
		took := time.Since(began)
		c.database, c.standby = c.standby, nil
		c.watch(fmt.Sprintf("standby promoted in %.1f s", took.Seconds()), each)
		return nil
	},
}

// joinAgain starts a node that was down.
func (c *cluster) joinAgain(n *node, each time.Duration) error {
	for began := time.Now(); ; time.Sleep(time.Second) {
		err := c.start(n)
		if err == nil {
			break
		}
		// A server that finds no PostgreSQL at its start ends, and whoever looks after it starts it again.
		if !c.manyAtOnce.Load() || time.Since(began) > time.Minute {
			return err
		}
	}
	c.watch("join of "+n.name+" again", each/2)
	return nil
}

// healed joins again after a while what was cut.
func (c *cluster) healed(each time.Duration, what string, ways ...*linktest.Way) error {
	time.Sleep(trouble)
	for _, p := range ways {
		p.Set(false, false, 0)
	}
	c.watch(what, each)
	return nil
}

// happen has something happen to a node, watches, and has it back.
func (c *cluster) happen(event string, each time.Duration) error {
	if event == "random" {
		return c.random(each)
	}
	happens := happenings[event]
	if happens == nil {
		return errors.New("no such event")
	}
	if c.managed != nil && (strings.HasPrefix(event, "pg") && event != "pgcut" && event != "pgslow" || event == "promote") {
		return errors.New("not beside failover, whose servers pg_auto_failover looks after")
	}
	return happens(c, c.nodes[rand.IntN(len(c.nodes))], each)
}

func (c *cluster) watch(what string, d time.Duration) {
	before := c.steps.Load()
	if c.manyAtOnce.Load() {
		fmt.Printf("%s %s\n", clock(), what)
		time.Sleep(d)
		return
	}
	time.Sleep(d)
	call, wait := time.Duration(c.longest.Swap(0)), c.waits.look()
	fmt.Printf("%-28s longest step %6.2f s (call %.2f, wait for a task %.2f), %7.0f steps/s\n", what, max(call, wait).Seconds(), call.Seconds(), wait.Seconds(),
		float64(c.steps.Load()-before)/d.Seconds())
}

// caller calls any node, again and again until one answers.
type caller struct {
	*cluster
	conns map[string]*client.Conn
	at    int
	sent  int // how often the last call was
}

func (c *cluster) caller() *caller {
	return &caller{cluster: c, conns: map[string]*client.Conn{}, at: rand.IntN(100)}
}

var errEnded = errors.New("ended")

// sentTag stands for a tag that tells which of the requests of a call it was, so that each of them begins at most one run.
const (
	sentTag = `"SENT"`
	sentAs  = `"sent-%d"`
)

// call calls until it is answered by anything but a failure of the server. A call that
// changes something may then be answered that it was done before.
func (k *caller) call(action, body string, isPoll bool) ([]byte, error) {
	began, asked := time.Now(), "" // asked: whom, and when
	k.sent = 0
	if !k.stay {
		k.at = rand.IntN(100)
	}
	for ; !k.ending.Load(); k.at++ {
		n, addr := k.choose()
		if addr == "" {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		conn := k.conns[addr]
		if conn == nil {
			conn = client.New(addr, client.Credentials{AccessKey: "any", SecretKey: "any", Region: "us-east-1"})
			k.conns[addr] = conn
		}
		asked += fmt.Sprintf(" %s +%.1f", n.name, time.Since(began).Seconds())
		patience := 2 * time.Second
		if isPoll {
			patience = 8 * time.Second
		}
		stuck := time.AfterFunc(patience, conn.HangUp) // as a node that is paused has its callers
		_, answers := n.sight.look()
		stays := context.AfterFunc(answers, conn.HangUp)
		k.sent++
		answer, err := conn.Call(action, []byte(strings.Replace(body, sentTag, fmt.Sprintf(sentAs, k.sent), 1)))
		stuck.Stop()
		stays()
		fault, answered := errors.AsType[*client.Fault](err)
		if err == nil || answered && fault.Status < 500 && fault.Code != "ThrottlingException" {
			if !isPoll {
				took := int64(time.Since(began))
				if took > int64(toldFrom) && !k.manyAtOnce.Load() {
					fmt.Printf("  %s %s took %.2f s, asked%s\n", clock(), action, time.Duration(took).Seconds(), asked)
				}
				for {
					was := k.longest.Load()
					if took <= was || k.longest.CompareAndSwap(was, took) {
						break
					}
				}
				k.steps.Add(1)
			}
			return answer, err
		}
		text := "no answer"
		if answered {
			text = fmt.Sprintf("%s: %.120s", action, fault.Error())
		}
		count, _ := k.faults.LoadOrStore(text, new(atomic.Int64))
		count.(*atomic.Int64).Add(1)
		time.Sleep(20 * time.Millisecond)
	}
	return nil, errEnded
}

const domain = `"domain":"bench"`

func (c *cluster) register() error {
	k := c.caller()
	for _, one := range [][2]string{
		{"RegisterDomain", `{"name":"bench","workflowExecutionRetentionPeriodInDays":"1"}`},
		{"RegisterWorkflowType", `{` + domain + `,"name":"flow","version":"1","defaultTaskList":{"name":"decide"},"defaultTaskStartToCloseTimeout":"60","defaultExecutionStartToCloseTimeout":"600","defaultChildPolicy":"TERMINATE"}`},
		{"RegisterActivityType", `{` + domain + `,"name":"work","version":"1","defaultTaskList":{"name":"work"},"defaultTaskScheduleToStartTimeout":"600","defaultTaskScheduleToCloseTimeout":"600","defaultTaskStartToCloseTimeout":"60","defaultTaskHeartbeatTimeout":"NONE"}`},
	} {
		if _, err := k.call(one[0], one[1], false); err != nil {
			return fmt.Errorf("%s: %w", one[0], err)
		}
	}
	return nil
}

func (c *cluster) work(all *sync.WaitGroup) {
	var number atomic.Int64
	for range c.clients {
		all.Go(func() { c.startFlows(&number) })
		all.Go(c.decide)
		all.Go(c.act)
	}
}

func (c *cluster) startFlows(number *atomic.Int64) {
	k := c.caller()
	for c.starting.Load() {
		c.mu.Lock()
		open, most := len(c.started)-len(c.completed), 4*c.clients
		c.mu.Unlock()
		if c.compares {
			most = c.clients
		}
		if open >= most {
			time.Sleep(10 * time.Millisecond)
			continue
		}
		id := fmt.Sprintf("w%d", number.Add(1))
		answer, err := k.call("StartWorkflowExecution", `{`+domain+`,"workflowId":"`+id+`","workflowType":{"name":"flow","version":"1"},"tagList":[`+sentTag+`]}`, false)
		switch {
		case err == nil || client.IsFault(err, "WorkflowExecutionAlreadyStartedFault"):
			c.mu.Lock()
			c.started[id] = k.sent
			if err == nil {
				c.runs[id] = string(client.Text(answer, "runId"))
			}
			c.mu.Unlock()
			c.waits.happened(id, flowStarted)
		case err != errEnded:
			c.note("StartWorkflowExecution", err)
		}
	}
}

func (c *cluster) note(action string, err error) {
	count, _ := c.faults.LoadOrStore(fmt.Sprintf("%s: %.160s", action, err), new(atomic.Int64))
	count.(*atomic.Int64).Add(1)
}

func (c *cluster) decide() {
	k := c.caller()
	waits := c.waits.poller(decision)
	for !c.ending.Load() {
		task, err := k.call("PollForDecisionTask", `{`+domain+`,"taskList":{"name":"decide"}}`, true)
		if err != nil {
			c.note("PollForDecisionTask", err)
			continue
		}
		token := string(client.Text(task, "taskToken"))
		if token == "" {
			continue
		}
		id := string(client.Text(task, "workflowId"))
		sees := [news]bool{true, client.Events(task, "ActivityTaskCompleted") > 0, client.Events(task, "ChildWorkflowExecutionCompleted") > 0}
		waits.got(id, sees)
		decisions, schedules, closes := "", false, false
		switch {
		case strings.HasSuffix(id, "-c"):
			decisions, closes = `{"decisionType":"CompleteWorkflowExecution"}`, true
		case client.Events(task, "ActivityTaskScheduled") == 0:
			schedules = true
			decisions = `{"decisionType":"ScheduleActivityTask","scheduleActivityTaskDecisionAttributes":{"activityType":{"name":"work","version":"1"},"activityId":"a"}}`
			if !c.compares {
				decisions += `,
{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowType":{"name":"flow","version":"1"},"workflowId":"` + id + `-c"}}`
			}
		case sees[activityDone] && (sees[childDone] || c.compares):
			decisions, closes = `{"decisionType":"CompleteWorkflowExecution"}`, true
		}
		_, err = k.call("RespondDecisionTaskCompleted", `{"taskToken":"`+token+`","decisions":[`+decisions+`]}`, false)
		if err != nil && !client.IsFault(err, "UnknownResourceFault") {
			c.note("RespondDecisionTaskCompleted", err)
		}
		waits = c.waits.poller(decision)
		if closes {
			c.waits.ended(id)
		} else {
			c.waits.decided(id, schedules)
		}
		if closes && !strings.HasSuffix(id, "-c") {
			c.mu.Lock()
			c.completed[id] = true
			c.mu.Unlock()
		}
	}
}

func (c *cluster) act() {
	k := c.caller()
	waits := c.waits.poller(activity)
	for !c.ending.Load() {
		task, err := k.call("PollForActivityTask", `{`+domain+`,"taskList":{"name":"work"}}`, true)
		if err != nil {
			c.note("PollForActivityTask", err)
			continue
		}
		token := string(client.Text(task, "taskToken"))
		if token == "" {
			continue
		}
		id := string(client.Text(task, "workflowId"))
		waits.got(id, [news]bool{})
		_, err = k.call("RespondActivityTaskCompleted", `{"taskToken":"`+token+`","result":"done"}`, false)
		if err != nil && !client.IsFault(err, "UnknownResourceFault") {
			c.note("RespondActivityTaskCompleted", err)
		}
		waits = c.waits.poller(activity)
		c.waits.happened(id, activityDone)
	}
}

// completeWithin is how long everything may take in the end.
const completeWithin = 40 * time.Second

// finish waits until all has completed, and judges.
func (c *cluster) finish() error {
	began := time.Now()
	k := c.caller()
	for {
		open, err := k.call("CountOpenWorkflowExecutions", `{`+domain+`,"startTimeFilter":{"oldestDate":0}}`, false)
		if err != nil {
			return err
		}
		if bytes.Contains(open, []byte(`"count":0`)) {
			break
		}
		if time.Since(began) > completeWithin {
			list, _ := k.call("ListOpenWorkflowExecutions", `{`+domain+`,"startTimeFilter":{"oldestDate":0},"maximumPageSize":5}`, false)
			return fmt.Errorf("after %s there are open executions: %s\nsuch as %s\nnodes: %s", completeWithin, open, list, c.addresses())
		}
		time.Sleep(100 * time.Millisecond)
	}
	fmt.Printf("all completed %.1f s after the last start\n", time.Since(began).Seconds())
	began = time.Now()
	if err := c.check(); err != nil {
		return err
	}
	fmt.Printf("the check took %.1f s\n", time.Since(began).Seconds())
	c.mu.Lock()
	started := c.started
	c.mu.Unlock()
	var lost, doubled, late atomic.Int64
	var judges sync.WaitGroup
	ids := make(chan string)
	for range 8 {
		judges.Go(func() {
			k := c.caller()
			for id := range ids {
				begun := 0 // runs of the workflow, each of which may have a child
				for _, name := range []string{id, id + "-c"} {
					list, err := k.call("ListClosedWorkflowExecutions", `{`+domain+`,"startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+name+`"}}`, false)
					if err != nil || !bytes.Contains(list, []byte(`"COMPLETED"`)) {
						fmt.Println("lost:", name, err, string(list))
						lost.Add(1)
						continue
					}
					// What was sent again may begin again, once it has ended: by another request.
					runs, most := bytes.Count(list, []byte(`"executionStatus"`)), begun
					if name == id {
						begun, most = runs, 0
						for n := range started[id] {
							most += min(1, bytes.Count(list, fmt.Appendf(nil, sentAs, n+1)))
						}
					}
					if runs > most {
						fmt.Printf("doubled: %s ran %d times, want %d: %s\n", name, runs, most, list)
						doubled.Add(1)
					}
					if name != id {
						continue
					}
					run := string(client.Text(list, "runId"))
					h, err := k.call("GetWorkflowExecutionHistory", `{`+domain+`,"execution":{"workflowId":"`+name+`","runId":"`+run+`"}}`, false)
					switch {
					case err != nil:
						lost.Add(1)
					case client.Events(h, "ActivityTaskCompleted") != 1 || client.Events(h, "ChildWorkflowExecutionCompleted") != 1 || client.Events(h, "ChildWorkflowExecutionStarted") != 1:
						fmt.Println("doubled:", string(h))
						doubled.Add(1)
					case bytes.Contains(h, []byte("TimedOut")):
						late.Add(1)
					}
				}
			}
		})
	}
	for id := range started {
		ids <- id
	}
	close(ids)
	judges.Wait()
	fmt.Printf("%d workflows acknowledged: %d lost, %d doubled, %d with a task that timed out\n", len(started), lost.Load(), doubled.Load(), late.Load())
	if lost.Load()+doubled.Load()+late.Load() > 0 {
		return errors.New("the cluster is wrong")
	}
	return nil
}

// check has the store checked that is running.
func (c *cluster) check() error {
	n := c.nodes[0]
	out, err := exec.Command(c.binary, "check", "--data", n.data, "--postgres", n.dsn, "--root-key-file", c.key).CombinedOutput()
	if err != nil {
		return fmt.Errorf("heddle check: %w\n%s", err, out)
	}
	fmt.Print("heddle check: ", string(out))
	return nil
}

func (c *cluster) addresses() (all string) {
	for _, n := range c.nodes {
		if n.server != nil {
			all += n.name + " " + n.server.Addr + " "
		}
	}
	return all
}
