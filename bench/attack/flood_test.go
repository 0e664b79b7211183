package attack

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"heddle/bench/client"
)

var (
	flooded = flag.Duration("flood", time.Second, "how long each flood lasts")
	hands   = flag.Int("hands", 32, "connections of each flood")
)

// What is held against each flood. The trail's settings make room for a few thousand
// records, so that a flood which can push out what others did does so within a second.
const (
	trailFileMB = 1
	trailKeep   = 4
	memoryMax   = 768 << 20 // of the server, whatever comes
	workflowMin = 0.5       // workflows of the root user a second of flood, on a machine that the flood shares
	callMax     = 10 * time.Second
)

var attacker = net.IPv4(127, 0, 0, 2)

// TestFloods: whoever has no key, no permission, or only that to read, and sends as
// much as the server takes, neither stops the root user's calls nor takes their
// records out of the audit trail, and makes the server hold no more than it may.
func TestFloods(t *testing.T) {
	s := open(t, 0, "--audit", "file", "--audit-file-mb", fmt.Sprint(trailFileMB), "--audit-keep", fmt.Sprint(trailKeep))
	owner := s.owner()
	defer owner.Close()
	must(t, owner, "RegisterDomain", `{"name":"own","workflowExecutionRetentionPeriodInDays":"1"}`)
	must(t, owner, "RegisterWorkflowType", `{"domain":"own","name":"order","version":"1","defaultTaskList":{"name":"l"},"defaultChildPolicy":"TERMINATE",
		"defaultExecutionStartToCloseTimeout":"3600","defaultTaskStartToCloseTimeout":"600"}`)
	nobody, reader := s.user("nobody", ""), s.user("reader", `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Resource":"*",
		"Action":["swf:Describe*","swf:List*","swf:Get*","swf:Count*","iam:Simulate*","iam:List*","iam:Get*"]}}`)
	stranger := aws.Credentials{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "nobody knows it"}
	wide := noise(8 << 10)
	document := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"` + noise(64<<10) + `","Resource":"*"}}`
	for _, f := range []struct {
		name    string
		request []byte
	}{
		{"a stranger", s.json(stranger, wide, "RegisterDomain", `{"name":"theirs","workflowExecutionRetentionPeriodInDays":"1"}`)},
		{"a stranger without a signature", s.json(aws.Credentials{}, wide, "RegisterDomain", `{"name":"theirs","workflowExecutionRetentionPeriodInDays":"1"}`)},
		{"a user without permission", s.json(nobody, wide, "RegisterDomain", `{"name":"theirs","workflowExecutionRetentionPeriodInDays":"1","description":"`+wide[:1000]+`"}`)},
		{"a user without permission, with long parameters", s.query(nobody, "iam", url.Values{"Action": {"PutUserPolicy"}, "UserName": {"nobody"}, "PolicyName": {"p"}, "PolicyDocument": {document}})},
		{"a reader", s.json(reader, wide, "ListDomains", `{"registrationStatus":"REGISTERED"}`)},
		{"a reader who simulates", s.query(reader, "iam", simulation())},
	} {
		t.Run(f.name, func(t *testing.T) { s.flood(t, f.request) })
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	s.unlogged(t)
}

// noise is text that can't be packed to much less than three quarters.
func noise(n int) string {
	random := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)[:n]
}

// simulation is one whose policies, actions and resources are as many and as hard to
// match as a reader may send.
func simulation() url.Values {
	v := url.Values{"Action": {"SimulateCustomPolicy"}}
	for i := range 31 {
		v.Set(fmt.Sprintf("ActionNames.member.%d", i+1), "swf:"+strings.Repeat("a", 100))
		v.Set(fmt.Sprintf("ResourceArns.member.%d", i+1), "arn:aws:swf:us-east-1:123456789012:/domain/"+strings.Repeat("a", 200))
	}
	pattern := `"arn:aws:swf:*:*:/domain/` + strings.Repeat("*a", 900) + `b"`
	for i := range 8 {
		v.Set(fmt.Sprintf("PolicyInputList.member.%d", i+1), `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"swf:*","Resource":[`+pattern+`,`+pattern+`,`+pattern+`]}}`)
	}
	return v
}

// flood sends one request over and over on many connections, while the root user
// runs workflows and changes things.
func (s *target) flood(t *testing.T, request []byte) {
	status, answer, err := s.send(request)
	t.Logf("it is answered with status %d, %.200q, %v", status, answer, err)
	ctx, end := context.WithTimeout(t.Context(), *flooded)
	defer end()
	var answers atomic.Int64
	var all sync.WaitGroup
	for range *hands {
		all.Go(func() {
			for ctx.Err() == nil {
				answers.Add(s.blast(ctx, request))
			}
		})
	}
	before := s.cpu()
	began := time.Now()
	o := &own{target: s, conn: s.owner(), changes: s.owner()}
	defer o.conn.Close()
	defer o.changes.Close()
	all.Go(func() { o.workflows(ctx) })
	all.Go(func() { o.manage(ctx) })
	var most int64
	for ctx.Err() == nil {
		most = max(most, s.rss())
		time.Sleep(50 * time.Millisecond)
	}
	took := time.Since(began)
	all.Wait()
	lost := s.unrecorded(t, o.changed)
	t.Logf("%.0f answers/s to the flood; beside it %d workflows, the longest call %s, %d changes of which %d have no record; %d MB at most, %.1f CPU seconds in %.1f s",
		float64(answers.Load())/took.Seconds(), o.done, o.longest.Round(time.Millisecond), len(o.changed), len(lost), most>>20,
		(s.cpu() - before).Seconds(), took.Seconds())
	for _, err := range o.failed {
		t.Error(err)
	}
	if len(lost) > 0 {
		t.Errorf("no record of %d of %d acknowledged changes, the first of them %s", len(lost), len(o.changed), lost[0])
	}
	if most > memoryMax {
		t.Errorf("the server had %d MB, want at most %d", most>>20, memoryMax>>20)
	}
	if least := int(workflowMin * took.Seconds()); o.done < least || len(o.changed) == 0 {
		t.Errorf("%d workflows and %d changes, want %d workflows at least", o.done, len(o.changed), least)
	}
	if o.longest > callMax {
		t.Errorf("a call of the root user took %s, want at most %s", o.longest, callMax)
	}
}

// blast sends a request on one connection, again as soon as it is answered, until the
// server closes it or ctx ends. It gives the number of answers.
func (s *target) blast(ctx context.Context, request []byte) (answers int64) {
	conn, err := Dial(ctx, attacker, s.Addr, false)
	if err != nil {
		return 0
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	in := bufio.NewReader(conn)
	for {
		if _, err := conn.Write(request); err != nil {
			return answers
		}
		answer, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers
		}
		if _, err = io.Copy(io.Discard, answer.Body); err != nil {
			return answers
		}
		answers++
	}
}

// own is what the root user does meanwhile.
type own struct {
	*target
	conn, changes *client.Conn

	mu      sync.Mutex
	done    int
	longest time.Duration
	changed []string // names of types that were registered, as acknowledged
	failed  []error
}

func (o *own) call(conn *client.Conn, action, body string) ([]byte, error) {
	began := time.Now()
	answer, err := conn.Call(action, []byte(body))
	o.mu.Lock()
	defer o.mu.Unlock()
	o.longest = max(o.longest, time.Since(began))
	if err != nil && len(o.failed) < 5 {
		o.failed = append(o.failed, fmt.Errorf("root user: %s: %w", action, err))
	}
	return answer, err
}

func (o *own) workflows(ctx context.Context) {
	const poll = `{"domain":"own","taskList":{"name":"l"}}`
	const closing = `"decisions":[{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{}}]`
	for ctx.Err() == nil {
		_, err := o.call(o.conn, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"own","workflowId":"w-%d","workflowType":{"name":"order","version":"1"}}`, time.Now().UnixNano()))
		if err != nil {
			return
		}
		task, err := o.call(o.conn, "PollForDecisionTask", poll)
		if err != nil {
			return
		}
		if _, err := o.call(o.conn, "RespondDecisionTaskCompleted", fmt.Sprintf(`{"taskToken":%q,%s}`, client.Text(task, "taskToken"), closing)); err != nil {
			return
		}
		o.done++
	}
}

// manage registers types, slowly enough for a trail of a small size to hold them all.
func (o *own) manage(ctx context.Context) {
	for ctx.Err() == nil {
		name := fmt.Sprintf("type-%d", time.Now().UnixNano())
		if _, err := o.call(o.changes, "RegisterWorkflowType", fmt.Sprintf(`{"domain":"own","name":%q,"version":"1"}`, name)); err != nil {
			return
		}
		o.changed = append(o.changed, name)
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

// unrecorded gives those of the types of whose registering the trail has nothing.
func (s *target) unrecorded(t *testing.T, names []string) (lost []string) {
	t.Helper()
	time.Sleep(200 * time.Millisecond) // records follow within milliseconds
	var wrong bytes.Buffer
	read := exec.CommandContext(t.Context(), *binary, "audit", "--data", s.data)
	read.Stderr = &wrong
	trail, err := read.Output()
	if err != nil {
		t.Errorf("read the trail: %v\n%s", err, wrong.Bytes())
	}
	there := map[string]bool{}
	for _, found := range typeName.FindAll(trail, -1) {
		there[string(found)] = true
	}
	for _, name := range names {
		if !there[name] {
			lost = append(lost, name)
		}
	}
	return lost
}

var typeName = regexp.MustCompile(`type-\d+`)

// cpu is what the server has used.
func (s *target) cpu() time.Duration {
	u, err := s.Usage()
	if err != nil {
		s.t.Fatal(err)
	}
	return u.CPU
}

// unlogged holds the log against what a flood may not cause.
func (s *target) unlogged(t *testing.T) {
	text := s.log.Bytes()
	const linesMax = 200 // a flood must not fill the log either
	if n := bytes.Count(text, []byte("\n")); n > linesMax {
		t.Errorf("the log has %d lines, want at most %d", n, linesMax)
	}
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "level=ERROR") {
			t.Errorf("the server's log: %s", line)
		}
	}
}

// user makes a user with an inline policy, if there is one, and a key.
func (s *target) user(name, policy string) aws.Credentials {
	s.t.Helper()
	s.iam(url.Values{"Action": {"CreateUser"}, "UserName": {name}})
	if policy != "" {
		s.iam(url.Values{"Action": {"PutUserPolicy"}, "UserName": {name}, "PolicyName": {"p"}, "PolicyDocument": {policy}})
	}
	answer := s.iam(url.Values{"Action": {"CreateAccessKey"}, "UserName": {name}})
	field := func(of string) string {
		found := regexp.MustCompile("<" + of + ">(.*)</" + of + ">").FindStringSubmatch(answer)
		if found == nil {
			s.t.Fatalf("no %s in %s", of, answer)
		}
		return found[1]
	}
	return aws.Credentials{AccessKeyID: field("AccessKeyId"), SecretAccessKey: field("SecretAccessKey")}
}

// iam asks IAM as the root user.
func (s *target) iam(form url.Values) string {
	s.t.Helper()
	root := aws.Credentials{AccessKeyID: s.key.KeyID, SecretAccessKey: string(s.key.Secret)}
	status, answer, err := s.send(s.query(root, "iam", form))
	if err != nil || status != http.StatusOK {
		s.t.Fatalf("%s: status %d, %s, %v", form.Get("Action"), status, answer, err)
	}
	return answer
}

func (s *target) send(request []byte) (status int, answer string, err error) {
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	if _, err := conn.Write(request); err != nil {
		return 0, "", err
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, "", err
	}
	body, err := io.ReadAll(r.Body)
	return r.StatusCode, string(body), errors.Join(err, r.Body.Close())
}

// json gives the bytes of a call of SWF, signed unless there is no key.
func (s *target) json(key aws.Credentials, agent, action, body string) []byte {
	if !json.Valid([]byte(body)) {
		s.t.Fatalf("no JSON: %s", body)
	}
	return s.request(key, "swf", body, http.Header{
		"Content-Type": {"application/x-amz-json-1.0"}, "X-Amz-Target": {"SimpleWorkflowService." + action}, "User-Agent": {agent},
	})
}

// query gives the bytes of a call of IAM or STS.
func (s *target) query(key aws.Credentials, service string, form url.Values) []byte {
	form.Set("Version", map[string]string{"iam": "2010-05-08", "sts": "2011-06-15"}[service])
	return s.request(key, service, form.Encode(), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}})
}

// request gives the bytes of a request, which may be sent for some minutes, as often as
// one likes.
func (s *target) request(key aws.Credentials, service, body string, header http.Header) []byte {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodPost, "http://"+s.Addr+"/", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header = header
	if key.AccessKeyID != "" {
		sum := sha256.Sum256([]byte(body))
		if err := v4.NewSigner().SignHTTP(context.Background(), key, r, hex.EncodeToString(sum[:]), service, "us-east-1", time.Now()); err != nil {
			s.t.Fatal(err)
		}
	}
	var b bytes.Buffer
	if err := r.Write(&b); err != nil {
		s.t.Fatal(err)
	}
	return b.Bytes()
}
