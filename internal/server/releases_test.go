package server

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/sealing"
	"heddle/internal/store/pebblestore"
	"heddle/test/golden"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// makeStore is for who makes a release: it has TestStoreOfThisRelease write the store.
var makeStore = flag.String("make-store", "", "release, such as 0.1.0, whose store is written to testdata/stores")

const storesDir = "testdata/stores"

// storeAsks are what is asked of the store of a release; IAM's last. What is answered then is
// kept beside it.
func (h *harness) storeAsks(ciphertext string) (answers string) {
	h.t.Helper()
	var all strings.Builder
	swf := func(action, body string) {
		fmt.Fprintf(&all, "%s %s\n%s\n", action, body, h.must(h.swf(h.root, action, body)))
	}
	states := func(action, body string) {
		fmt.Fprintf(&all, "%s %s\n%s\n", action, body, h.must(h.states(h.root, action, body)))
	}
	swf("ListDomains", `{"registrationStatus":"REGISTERED"}`)
	swf("ListWorkflowTypes", `{"domain":"shop","registrationStatus":"REGISTERED"}`)
	swf("ListActivityTypes", `{"domain":"shop","registrationStatus":"REGISTERED"}`)
	swf("ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`)
	swf("ListClosedWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`)
	for _, id := range []string{"closed", "many", "activity"} {
		run := member(h.must(h.swf(h.root, "ListOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+id+`"}}`))+
			h.must(h.swf(h.root, "ListClosedWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0},"executionFilter":{"workflowId":"`+id+`"}}`)), "runId")
		execution := `{"domain":"shop","execution":{"workflowId":"` + id + `","runId":"` + run + `"}}`
		swf("DescribeWorkflowExecution", execution)
		swf("GetWorkflowExecutionHistory", execution)
	}
	const arn = `arn:aws:states:us-east-1:123456789012:`
	states("ListStateMachines", `{}`)
	states("DescribeStateMachine", `{"stateMachineArn":"`+arn+`stateMachine:m"}`)
	for _, name := range []string{"ended", "waits"} {
		states("DescribeExecution", `{"executionArn":"`+arn+`execution:m:`+name+`"}`)
		states("GetExecutionHistory", `{"executionArn":"`+arn+`execution:m:`+name+`"}`)
	}
	fmt.Fprintln(&all, "Decrypt", h.must(h.kms(h.root, "Decrypt", `{"CiphertextBlob":"`+ciphertext+`"}`)))
	for _, action := range []string{"ListUsers", "ListAccessKeys"} {
		user := []string{}
		if action == "ListAccessKeys" {
			user = []string{"UserName", "ann"}
		}
		fmt.Fprintln(&all, action, requestIDs.ReplaceAllString(h.must(h.iam(h.root, action, user...)), ""))
	}
	return all.String()
}

var requestIDs = regexp.MustCompile(`<RequestId>[^<]*</RequestId>`)

// startStore starts a server on a data folder, at the time of these stores.
func startStore(t *testing.T, data string) (*harness, *sharedPieces) {
	clocks := &sharedPieces{p: newPieces()}
	s := start(t, Config{Listen: "127.0.0.1:0", Data: data, Auth: AuthNone, timepieces: clocks, PollHold: time.Second})
	return &harness{t, s, aws.Credentials{AccessKeyID: "heddle", SecretAccessKey: "heddle"}}, clocks
}

const decision = `{"taskToken":"%s","decisions":[%s]}`

// decide takes the next decision task.
func (h *harness) decide(decisions string) {
	h.t.Helper()
	token := member(h.must(h.swf(h.root, "PollForDecisionTask", `{"domain":"shop","taskList":{"name":"deciders"},"identity":"d"}`)), "taskToken")
	h.must(h.swf(h.root, "RespondDecisionTaskCompleted", fmt.Sprintf(decision, token, decisions)))
}

const complete = `{"decisionType":"CompleteWorkflowExecution","completeWorkflowExecutionDecisionAttributes":{"result":"done"}}`

// TestStoreOfThisRelease makes the store of a release, for the tests of all later ones.
func TestStoreOfThisRelease(t *testing.T) {
	if *makeStore == "" {
		t.Skip("it writes a file for the tests of later releases; -make-store 0.1.0 says of which it is")
	}
	data := filepath.Join(t.TempDir(), "data")
	var answers, ciphertext string
	t.Run("make", func(t *testing.T) {
		h, _ := startStore(t, data)
		h.shop("shop")
		start := func(id string) {
			h.must(h.swf(h.root, "StartWorkflowExecution", `{"domain":"shop","workflowId":"`+id+`","workflowType":{"name":"order","version":"1"},"tagList":["blue"],"input":"in","executionStartToCloseTimeout":"31536000"}`))
		}
		start("closed")
		h.decide(`{"decisionType":"RecordMarker","recordMarkerDecisionAttributes":{"markerName":"m","details":"x"}},` + complete)
		start("many")
		h.decide(`{"decisionType":"StartTimer","startTimerDecisionAttributes":{"timerId":"t","startToFireTimeout":"60"}},{"decisionType":"StartChildWorkflowExecution","startChildWorkflowExecutionDecisionAttributes":{"workflowId":"child","workflowType":{"name":"order","version":"1"},"executionStartToCloseTimeout":"31536000"}}`)
		h.decide(complete) // the child, or many: whichever is the first
		h.begin("shop", "activity")
		const arn = `arn:aws:states:us-east-1:123456789012:`
		h.must(h.states(h.root, "CreateActivity", `{"name":"a"}`))
		h.must(h.states(h.root, "CreateStateMachine", `{"name":"m","roleArn":"arn:aws:iam::123456789012:role/r","definition":"{\"StartAt\":\"C\",\"States\":{\"C\":{\"Type\":\"Choice\",\"Choices\":[{\"Variable\":\"$.end\",\"BooleanEquals\":true,\"Next\":\"S\"}],\"Default\":\"T\"},\"T\":{\"Type\":\"Task\",\"Resource\":\"`+arn+`activity:a\",\"Next\":\"S\"},\"S\":{\"Type\":\"Succeed\"}}}"}`))
		for name, end := range map[string]string{"ended": "true", "waits": "false"} {
			h.must(h.states(h.root, "StartExecution", `{"stateMachineArn":"`+arn+`stateMachine:m","name":"`+name+`","input":"{\"end\":`+end+`}"}`))
		}
		waitUntil(t, "an execution has ended", func() bool {
			return strings.Contains(h.must(h.states(h.root, "DescribeExecution", `{"executionArn":"`+arn+`execution:m:ended"}`)), `"SUCCEEDED"`)
		})
		key := member(h.must(h.kms(h.root, "CreateKey", `{}`)), "KeyId")
		ciphertext = member(h.must(h.kms(h.root, "Encrypt", `{"KeyId":"`+key+`","Plaintext":"c2VjcmV0"}`)), "CiphertextBlob")
		h.must(h.iam(h.root, "CreateUser", "UserName", "ann"))
		h.must(h.iam(h.root, "CreateAccessKey", "UserName", "ann"))
		answers = h.storeAsks(ciphertext)
	})
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(data, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("answers", answers)
	write("ciphertext", ciphertext)
	if err := os.Remove(BallastFile(data)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	out := tar.NewWriter(zip)
	if err := errors.Join(out.AddFS(os.DirFS(data)), out.Close(), zip.Close(), os.MkdirAll(storesDir, 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(storesDir, *makeStore+".tar.gz"), packed.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// unpack puts the store of a release into a folder.
func unpack(t *testing.T, text string) (data string) {
	t.Helper()
	data = filepath.Join(t.TempDir(), "data")
	zip, err := gzip.NewReader(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	for files := tar.NewReader(zip); ; {
		f, err := files.Next()
		if err == io.EOF {
			return data
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(data, f.Name)
		if f.FileInfo().IsDir() {
			if err := os.MkdirAll(path, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		text, err := io.ReadAll(files)
		if err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700)); err == nil {
			err = os.WriteFile(path, text, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestStoresOfReleases opens a store of each release that there was. Nothing is wrong with it,
// all that is asked of it is answered as that release did, what was under way goes on to its
// end, and nothing is wrong then.
func TestStoresOfReleases(t *testing.T) {
	for file, text := range golden.Files(t, storesDir+"/*.tar.gz") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			data := unpack(t, text)
			whole := func(when string) {
				t.Helper()
				o, err := OpenOffline(t.Context(), data, sealing.RootKeys{}, slog.New(slog.DiscardHandler))
				if err != nil {
					t.Fatal(err)
				}
				found, err := o.Check(t.Context())
				if err = errors.Join(err, o.Close()); err != nil || len(found.Wrong) > 0 || found.Events < 10 {
					t.Fatalf("%s: %+v, %v", when, found, err)
				}
			}
			whole("as it was")
			read := func(name string) string {
				b, err := os.ReadFile(filepath.Join(data, name))
				if err != nil {
					t.Fatal(err)
				}
				return string(b)
			}
			t.Run("goes on", func(t *testing.T) {
				h, clocks := startStore(t, data)
				if got, want := h.storeAsks(read("ciphertext")), read("answers"); got != want {
					t.Errorf("it answers\n%s\nand that release answered\n%s", got, want)
				}
				token := member(h.must(h.swf(h.root, "PollForActivityTask", `{"domain":"shop","taskList":{"name":"mailers"}}`)), "taskToken")
				h.must(h.swf(h.root, "RespondActivityTaskCompleted", `{"taskToken":"`+token+`","result":"sent"}`))
				clocks.pass(t, h.Server, 2*time.Minute) // a timer fires, and decisions that were under way time out
				open := func() string {
					return h.must(h.swf(h.root, "CountOpenWorkflowExecutions", `{"domain":"shop","startTimeFilter":{"oldestDate":0}}`))
				}
				for n := 0; !strings.Contains(open(), `"count":0`); n++ {
					if n > 10 {
						t.Fatalf("still open: %s", open())
					}
					h.decide(complete)
				}
				const arn = `arn:aws:states:us-east-1:123456789012:`
				token = member(h.must(h.states(h.root, "GetActivityTask", `{"activityArn":"`+arn+`activity:a"}`)), "taskToken")
				h.must(h.states(h.root, "SendTaskSuccess", `{"taskToken":"`+token+`","output":"{}"}`))
				waitUntil(t, "the other execution has ended", func() bool {
					return strings.Contains(h.must(h.states(h.root, "DescribeExecution", `{"executionArn":"`+arn+`execution:m:waits"}`)), `"SUCCEEDED"`)
				})
			})
			whole("in the end")
		})
	}
}

// formatNumbers are the numbers of all formats that stand in stores, as one text. Who changes one
// raises pebblestore.Format too, so that a release which can't read it refuses the store as a
// whole, before it meets the first such row; and then this text.
const formatNumbers = `store 3
blob: sealFormat = 1
dataexchange/catalog: Version = 1
dataexchange/catalog: Version = 1
dataexchange/catalog: Version = 1
dataexchange/catalog: Version = 1
dataexchange/catalog: Version = 1
dataexchange/catalog: Version = 1
dataexchange/catalog: listingFormat = 1
engine: sealedFormat = 1
events/registry: Version = 1
iam/account: Version = 1
iam/account: tokenVersion = 3
kms/keyring: Version = 1
kms: ciphertextFormat = 1
runlog: headFormat = 1
runlog: notifiedFormat = 1
runlog: toldFormat = 1
sfn/execution: listingFormat = 1
sfn/execution: messageFormat = 1
sfn/execution: stateFormat = 1
sfn/execution: tokenFormat = 1
sfn/maprun: Version = 1
sfn/maprun: listingFormat = 1
sfn/registry: Version = 1
sfn/registry: Version = 1
sfn/registry: Version = 1
sfn/registry: shownFormat = 1
store/sealed: keysFormat = 1
store/sealed: valueFormat = 1
swf/execution: listingFormat = 1
swf/execution: messageFormat = 1
swf/execution: stateFormat = 1
swf/registry: Version = 1
swf/registry: Version = 1
`

// TestFormatsRiseTogether finds each format's number in the sources.
func TestFormatsRiseTogether(t *testing.T) {
	name := regexp.MustCompile(`^[a-z][A-Za-z]*(Format|Version)$`)
	var found []string
	for _, dir := range []string{"engine", "runlog", "store/sealed", "blob", "swf/execution", "swf/registry", "sfn/execution", "sfn/maprun", "sfn/registry", "dataexchange/catalog", "events/registry", "iam/account", "kms/keyring", "kms"} {
		files, err := filepath.Glob(filepath.Join("..", dir, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range files {
			if strings.HasSuffix(path, "_test.go") {
				continue
			}
			p, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			number := func(of string, e ast.Expr) {
				if value, ok := e.(*ast.BasicLit); ok && value.Kind == token.INT {
					found = append(found, fmt.Sprintf("%s: %s = %s\n", dir, of, value.Value))
				}
			}
			ast.Inspect(p, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.ValueSpec:
					for i, id := range n.Names {
						if i < len(n.Values) && name.MatchString(id.Name) {
							number(id.Name, n.Values[i])
						}
					}
				case *ast.KeyValueExpr: // of a collection.Config
					if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Version" {
						number("Version", n.Value)
					}
				}
				return true
			})
		}
	}
	slices.Sort(found)
	if got := fmt.Sprintf("store %d\n%s", pebblestore.Format, strings.Join(found, "")); got != formatNumbers {
		t.Errorf("the formats are\n%s\nand were\n%s\nIf one is new or has another number, raise pebblestore.Format, and change this text: docs/STORAGE.md says why", got, formatNumbers)
	}
}
