package server

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"heddle/internal/iam/account"
	"heddle/internal/swf/registry"
)

// TestFullQuotasHurtNobody has one user fill quotas with the largest elements and go on
// from there, while another signals executions all over the shards: none of these calls
// may fail or wait long, the store must be sound, and what was acknowledged must be there
// after a restart. What the rules' own tests fill is not filled again here.
func TestFullQuotasHurtNobody(t *testing.T) {
	if racing {
		t.Skip("it is about amounts: 20,000 calls, which the race detector would make last minutes")
	}
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second}
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"other","workflowExecutionRetentionPeriodInDays":"1"}`))
	h.must(h.swf(h.root, "RegisterWorkflowType", `{"domain":"other","name":"t","version":"1","defaultTaskList":{"name":"l"},
		"defaultExecutionStartToCloseTimeout":"36000","defaultTaskStartToCloseTimeout":"60","defaultChildPolicy":"TERMINATE"}`))
	const neighbours = 256
	for i := range neighbours {
		h.must(h.swf(h.root, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"other","workflowId":"w%d","workflowType":{"name":"t","version":"1"}}`, i)))
	}
	var stop atomic.Bool
	var slowest time.Duration
	signals := 0
	var neighbour sync.WaitGroup
	neighbour.Go(func() {
		for ; !stop.Load(); signals++ {
			began := time.Now()
			answer := h.ask(h.swf(h.root, "SignalWorkflowExecution", fmt.Sprintf(`{"domain":"other","workflowId":"w%d","signalName":"s"}`, signals%neighbours)))
			slowest = max(slowest, time.Since(began))
			if answer.status != http.StatusOK {
				t.Errorf("signal %d: %d %s", signals, answer.status, answer.text)
				return
			}
		}
	})

	widest := strings.Repeat("\U0001F600", 1024) // 4 bytes a character
	h.must(h.swf(h.root, "RegisterDomain", `{"name":"full","workflowExecutionRetentionPeriodInDays":"1"}`))
	types := registry.DefaultLimits().TypesPerDomainMax
	h.each(types, func(i int) *knock {
		return h.swf(h.root, "RegisterWorkflowType", fmt.Sprintf(`{"domain":"full","name":"type-%05d","version":"1","description":"%s"}`, i, widest))
	})
	h.refused("LimitExceededFault", h.swf(h.root, "RegisterWorkflowType", `{"domain":"full","name":"more","version":"1"}`))
	h.each(400, func(i int) *knock {
		action := []string{"DeprecateWorkflowType", "UndeprecateWorkflowType"}[i/200]
		return h.swf(h.root, action, fmt.Sprintf(`{"domain":"full","workflowType":{"name":"type-%05d","version":"1"}}`, i%200))
	})
	arn := "arn:aws:swf:" + defaults.Region + ":" + defaults.Account + ":/domain/full"
	for i := range 50 {
		h.must(h.swf(h.root, "TagResource", fmt.Sprintf(`{"resourceArn":"%s","tags":[{"key":"%s","value":"%s"}]}`,
			arn, fmt.Sprintf("%02d", i)+strings.Repeat("\u00e9", 126), strings.Repeat("\u00e9", 256))))
	}

	limits := account.DefaultLimits()
	resource := `"arn:aws:swf:*:*:/domain/` + strings.Repeat("x", 200) + `",`
	document := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"swf:*","Resource":[` + strings.Repeat(resource, (limits.PolicyMax-200)/len(resource)) + `"*"]}]}`
	h.each(limits.PoliciesMax, func(i int) *knock {
		return h.iam(h.root, "CreatePolicy", "PolicyName", fmt.Sprintf("policy-%04d", i), "PolicyDocument", document)
	})
	h.each(limits.PoliciesMax*(limits.VersionsPerPolicyMax-1), func(i int) *knock {
		return h.iam(h.root, "CreatePolicyVersion", "PolicyArn", fmt.Sprintf("arn:aws:iam::%s:policy/policy-%04d", defaults.Account, i%limits.PoliciesMax), "PolicyDocument", document)
	})
	h.refused("LimitExceeded", h.iam(h.root, "CreatePolicy", "PolicyName", "more", "PolicyDocument", document))

	stop.Store(true)
	neighbour.Wait()
	t.Logf("%d signals meanwhile, the slowest took %v", signals, slowest)
	if signals < neighbours {
		t.Errorf("%d signals: some executions were never asked", signals)
	}
	closeServer(t, s)
	if found, err := check(t, cfg); err != nil || len(found.Wrong) > 0 {
		t.Fatalf("check: %+v, %v", found, err)
	}
	h.Server = start(t, cfg)
	h.refused("LimitExceededFault", h.swf(h.root, "RegisterWorkflowType", `{"domain":"full","name":"more","version":"1"}`))
	h.refused("LimitExceeded", h.iam(h.root, "CreatePolicy", "PolicyName", "more", "PolicyDocument", document))
	if text := h.must(h.swf(h.root, "DescribeWorkflowType", fmt.Sprintf(`{"domain":"full","workflowType":{"name":"type-%05d","version":"1"}}`, types-1))); !strings.Contains(text, widest) {
		t.Errorf("the last type is %.200s", text)
	}
}

// each makes calls, some at a time, all of which must succeed.
func (h *harness) each(n int, make func(i int) *knock) {
	h.t.Helper()
	var next atomic.Int64
	var callers sync.WaitGroup
	for range 8 {
		callers.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && !h.t.Failed(); i = int(next.Add(1)) - 1 {
				if answer := h.ask(make(i)); answer.fault != "" {
					h.t.Errorf("call %d of %d: %d %.300s", i, n, answer.status, answer.text)
				}
			}
		})
	}
	callers.Wait()
}
