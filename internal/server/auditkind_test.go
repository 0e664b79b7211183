package server

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// kindsOf is what the files of each kind have of a closed server, in the order of the calls.
func kindsOf(t *testing.T, data string) map[string][]auditRecord {
	t.Helper()
	all := map[string][]auditRecord{}
	for _, kind := range []string{"calls", "changes", "refused"} {
		files, err := filepath.Glob(filepath.Join(AuditDir(data), "audit-"+kind+"-*.jsonl"))
		if err != nil || len(files) != 1 {
			t.Fatalf("files %v, %v", files, err)
		}
		b, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		all[kind] = recordsOf(t, string(b))
	}
	return all
}

// TestKindsOfRecords sends calls of each sort, and looks in which trail they stand.
func TestKindsOfRecords(t *testing.T) {
	cfg := Config{
		Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: time.Second, Audit: Audit{Files: AuditFile},
		Throttle: ThrottleAWS, ThrottleRates: []string{"swf:ListDomains=1/1"},
	}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	ann := h.user("ann", allow("swf:DescribeDomain", "*"))
	h.role("maker", `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"sts:AssumeRole"}`, allow("swf:RegisterDomain iam:CreateUser", "*"))
	h.must(h.iam(h.root, "PutUserPolicy", "UserName", "ann", "PolicyName", "q", "PolicyDocument", policyOf(allow("sts:AssumeRole", "*"))))
	maker := h.assume(ann, "maker")
	wrong := h.root
	wrong.SecretAccessKey = "wrong"
	list := `{"registrationStatus":"REGISTERED"}`
	domain := `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`
	for _, c := range []struct {
		kind, fault string
		knock       *knock
	}{
		{"changes", "", h.swf(h.root, "RegisterDomain", domain)},
		{"calls", "DomainAlreadyExistsFault", h.swf(h.root, "RegisterDomain", domain)},
		{"calls", "ValidationException", h.swf(h.root, "RegisterDomain", `{"name":""}`)},
		{"calls", "SerializationException", h.swf(h.root, "RegisterDomain", `{`)},
		{"refused", notPermitted, h.swf(ann, "RegisterDomain", domain)},
		{"refused", notPermitted, h.swf(ann, "StartWorkflowExecution", `{"domain":"shop","workflowId":"a","workflowType":{"name":"n","version":"v"}}`)},
		{"refused", "InvalidSignatureException", h.swf(wrong, "RegisterDomain", domain)},
		{"calls", "", h.swf(ann, "DescribeDomain", `{"name":"shop"}`)},
		{"calls", "UnknownResourceFault", h.swf(h.root, "StartWorkflowExecution", `{"domain":"nowhere","workflowId":"a","workflowType":{"name":"n","version":"v"}}`)},
		{"calls", "", h.swf(h.root, "ListDomains", list)},
		{"refused", "ThrottlingException", h.swf(h.root, "ListDomains", list)},
		{"changes", "", h.iam(h.root, "CreateUser", "UserName", "bob")},
		{"changes", "", h.iam(maker, "CreateUser", "UserName", "carl")},
		{"calls", "EntityAlreadyExists", h.iam(maker, "CreateUser", "UserName", "carl")},
		{"calls", "EntityAlreadyExists", h.iam(h.root, "CreateUser", "UserName", "bob")},
		{"calls", "NoSuchEntity", h.iam(h.root, "DeleteUser", "UserName", "nobody")},
		{"refused", accessDenied, h.iam(ann, "DeleteUser", "UserName", "bob")},
		{"changes", "", h.iam(ann, "GetSessionToken")},
		{"calls", "", h.iam(ann, "GetCallerIdentity")},
		{"refused", "MissingAuthenticationTokenException", func() *knock {
			k := h.swf(h.root, "RegisterDomain", domain)
			k.key.AccessKeyID = ""
			return k
		}()},
	} {
		marked := "mark-" + c.kind
		c.knock.header.Set("User-Agent", marked)
		if c.fault == "ThrottlingException" {
			spend(s, "swf", "ListDomains")
		}
		answer := h.ask(c.knock)
		if answer.fault != c.fault {
			t.Fatalf("%s: %s, want %s", c.knock.body, answer.text, c.fault)
		}
	}
	if c := s.auditor.Counts(); c.ChangesNow != 0 || c.FilesLost != 0 || c.ChangesOver != 0 {
		t.Errorf("counts %+v", c)
	}
	closeServer(t, s)
	n := map[string]int{}
	for kind, records := range kindsOf(t, cfg.Data) {
		for _, r := range records {
			if mark, ok := strings.CutPrefix(r.UserAgent, "mark-"); ok {
				n[kind]++
				if mark != kind {
					t.Errorf("%s, %s stands with %s, want %s", r.EventName, r.ErrorCode, kind, mark)
				}
			}
		}
	}
	if n["calls"] != 10 || n["changes"] != 4 || n["refused"] != 6 {
		t.Errorf("found %v", n)
	}
}

// TestNoChangeWithoutRoomForItsRecord: while the trail's disk is full a change is not done, and its
// caller is told to try again; reads go on.
func TestNoChangeWithoutRoomForItsRecord(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Skip(err)
	}
	cfg := memory()
	cfg.Data, cfg.Audit = filepath.Join(t.TempDir(), "data"), Audit{Files: AuditFile}
	if err := os.MkdirAll(AuditDir(cfg.Data), 0o700); err != nil {
		t.Fatal(err)
	}
	// It is the file of calls, so that no change is needed to find out.
	if err := os.Symlink(full, filepath.Join(AuditDir(cfg.Data), "audit-calls-20260301T120000.000Z.jsonl")); err != nil {
		t.Fatal(err)
	}
	log := &written{}
	cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	s, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close(context.Background()) }() // the trail can't be closed well
	mustCall(t, s, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
	waitUntil(t, "the disk is found to be full", func() bool { return strings.Contains(log.String(), "write audit records; it is tried again") })
	a := call(t.Context(), s, "RegisterDomain", `{"name":"shop","workflowExecutionRetentionPeriodInDays":"1"}`)
	if want := `{"__type":"com.amazon.coral.availability#ThrottlingException","message":"Rate exceeded"}`; a.status != http.StatusBadRequest || a.body != want {
		t.Errorf("%d %s", a.status, a.body)
	}
	if !strings.Contains(log.String(), "changes are refused: there is no room for their audit records") {
		t.Error(log.String())
	}
	if a := call(t.Context(), s, "DescribeDomain", `{"name":"shop"}`); !strings.Contains(a.body, "UnknownResourceFault") {
		t.Errorf("it was done: %d %s", a.status, a.body)
	}
}
