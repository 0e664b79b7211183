package server

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// secretOf is what a machine with a key says at each place where it may say something.
const secretOf = "nobody may read this"

// machineKeys is a server with a key, a role that may use it, and a user who may do all with
// state machines and nothing with keys.
type machineKeys struct {
	*harness
	key string // ARN
}

func newMachineKeys(t *testing.T) *machineKeys {
	m := &machineKeys{harness: newHarness(t)}
	m.key = "arn:aws:kms:" + defaults.Region + ":" + defaults.Account + ":key/" + keyIDIn(m.must(m.kms(m.root, "CreateKey", `{}`)))
	m.role("machines", `{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}`, everything)
	return m
}

// machine makes a state machine with the key.
func (m *machineKeys) machine(name, kind, definition string) (arn string) {
	m.t.Helper()
	text, _ := json.Marshal(definition)
	return m.field("stateMachineArn", m.must(m.states(m.root, "CreateStateMachine", `{"name":"`+name+`","type":"`+kind+`","roleArn":"`+roleARN("machines")+`",
		"definition":`+string(text)+`,"encryptionConfiguration":{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"`+m.key+`","kmsDataKeyReusePeriodSeconds":60}}`)))
}

// TestAMachineAtHandIsOnlyForWhoMayUseItsKey: that somebody has run it gives nobody else the
// right to.
func TestAMachineAtHandIsOnlyForWhoMayUseItsKey(t *testing.T) {
	m := newMachineKeys(t)
	eve := m.user("eve", `{"Effect":"Allow","Action":"states:*","Resource":"*"}`)
	start := `{"stateMachineArn":"` + m.machine("fast", "EXPRESS", `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":"`+secretOf+`","End":true}}}`) + `"}`
	for range 2 {
		m.refused("KmsAccessDeniedException", m.states(eve, "StartSyncExecution", start))
		if answer := m.must(m.states(m.root, "StartSyncExecution", start)); !strings.Contains(answer, secretOf) {
			t.Errorf("it answers %s", answer)
		}
	}
	m.must(m.kms(m.root, "DisableKey", `{"KeyId":"`+m.key+`"}`))
	m.refused("KmsInvalidStateException", m.states(m.user("ann", everything), "StartSyncExecution", start))
}

// TestAMachineWhoseKeyIsAwayIsNotChanged, and who calls is told why.
func TestAMachineWhoseKeyIsAwayIsNotChanged(t *testing.T) {
	m := newMachineKeys(t)
	arn := m.machine("m", "STANDARD", `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`)
	m.must(m.kms(m.root, "DisableKey", `{"KeyId":"`+m.key+`"}`))
	ann := m.user("ann", everything)
	for _, change := range []string{`"definition":"` + waiting + `"`, `"encryptionConfiguration":{"type":"AWS_OWNED_KEY"}`} {
		m.refused("KmsInvalidStateException", m.states(ann, "UpdateStateMachine", `{"stateMachineArn":"`+arn+`",`+change+`}`))
	}
	if answer := m.must(m.states(m.root, "DescribeStateMachine", `{"stateMachineArn":"`+arn+`"}`)); strings.Contains(answer, "AWS_OWNED_KEY") || strings.Contains(answer, "Wait") {
		t.Errorf("it is %s", answer)
	}
}

// TestAHistoryWithoutDataHasNothingSealed: who may not use the key sees what happened, and
// neither what was said of it nor what stands for that in the store.
func TestAHistoryWithoutDataHasNothingSealed(t *testing.T) {
	m := newMachineKeys(t)
	eve := m.user("eve", `{"Effect":"Allow","Action":"states:*","Resource":"*"}`)
	arn := m.machine("fails", "STANDARD", `{"StartAt":"F","States":{"F":{"Type":"Fail","Error":"`+secretOf+`","Cause":"`+secretOf+`"}}}`)
	execution := m.field("executionArn", m.must(m.states(m.root, "StartExecution", `{"stateMachineArn":"`+arn+`"}`)))
	history := `{"executionArn":"` + execution + `","includeExecutionData":false}`
	m.refused("KmsAccessDeniedException", m.states(eve, "GetExecutionHistory", `{"executionArn":"`+execution+`"}`))
	for who, key := range map[string]aws.Credentials{"eve": eve, "root": m.root} {
		answer := m.must(m.states(key, "GetExecutionHistory", history))
		if !strings.Contains(answer, `"executionFailedEventDetails":{}`) || strings.Contains(answer, `\u0001`) || strings.Contains(answer, secretOf) {
			t.Errorf("%s is shown %s", who, answer)
		}
	}
}

// ended waits for the end of an execution, and describes it.
func (m *machineKeys) ended(execution string) string {
	m.t.Helper()
	for began := time.Now(); ; time.Sleep(time.Millisecond) {
		answer := m.must(m.states(m.root, "DescribeExecution", `{"executionArn":"`+execution+`"}`))
		if m.field("status", answer) != "RUNNING" {
			return answer
		}
		if time.Since(began) > deadline {
			m.t.Fatalf("it does not end: %s", answer)
		}
	}
}

func (m *machineKeys) start(machine string) (execution string) {
	m.t.Helper()
	return m.field("executionArn", m.must(m.states(m.root, "StartExecution", `{"stateMachineArn":"`+machine+`"}`)))
}

// TestARefusedKeyIsAnErrorThatMachinesCatch, by the name that the service gives it: of an
// activity's key that the role may not use, and of the key of a machine that is to be started.
func TestARefusedKeyIsAnErrorThatMachinesCatch(t *testing.T) {
	m := newMachineKeys(t)
	other := keyIDIn(m.must(m.kms(m.root, "CreateKey", `{}`)))
	activity := m.field("activityArn", m.must(m.states(m.root, "CreateActivity", `{"name":"a","encryptionConfiguration":{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"`+other+`"}}`)))
	deny, _ := json.Marshal(policyOf(`{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"kms:*","Resource":"*"}`, `{"Effect":"Deny","Principal":"*","Action":"kms:GenerateDataKey","Resource":"*"}`))
	m.must(m.kms(m.root, "PutKeyPolicy", `{"KeyId":"`+other+`","PolicyName":"default","Policy":`+string(deny)+`}`))
	catches := func(task, name string) string {
		return `{"StartAt":"T","States":{"T":{"Type":"Task",` + task + `,"Catch":[{"ErrorEquals":["` + name + `"],"Next":"S"}],"End":true},"S":{"Type":"Succeed"}}}`
	}
	own := m.machine("own", "STANDARD", catches(`"Resource":"`+activity+`"`, "KmsAccessDeniedException"))
	if got := m.ended(m.start(own)); m.field("status", got) != "SUCCEEDED" {
		t.Errorf("of an activity: %s", got)
	}

	lost := m.machine("lost", "STANDARD", `{"StartAt":"S","States":{"S":{"Type":"Succeed"}}}`)
	for _, pattern := range []string{"", ".sync:2", ".waitForTaskToken"} {
		definition, _ := json.Marshal(catches(`"Resource":"arn:aws:states:::states:startExecution`+pattern+`","Parameters":{"StateMachineArn":"`+lost+`"}`, "StepFunctions.KmsInvalidStateException"))
		name := "parent" + strings.Trim(strings.ReplaceAll(pattern, ":", ""), ".")
		parent := m.field("stateMachineArn", m.must(m.states(m.root, "CreateStateMachine", `{"name":"`+name+`","roleArn":"`+roleARN("machines")+`","definition":`+string(definition)+`}`)))
		m.must(m.kms(m.root, "DisableKey", `{"KeyId":"`+m.key+`"}`))
		if got := m.ended(m.start(parent)); m.field("status", got) != "SUCCEEDED" {
			t.Errorf("of a machine, %s: %s", name, got)
		}
		m.must(m.kms(m.root, "EnableKey", `{"KeyId":"`+m.key+`"}`))
	}
}

// TestAMapRunOfAMachineWithAKey begins an execution for each item, in the right of the machine's
// role, and who may not use the key sees no more of those than of others.
func TestAMapRunOfAMachineWithAKey(t *testing.T) {
	m := newMachineKeys(t)
	eve := m.user("eve", `{"Effect":"Allow","Action":"states:*","Resource":"*"}`)
	machine := m.machine("maps", "STANDARD", `{"StartAt":"P","States":{"P":{"Type":"Pass","Result":["`+secretOf+`",2,3],"Next":"M"},
		"M":{"Type":"Map","End":true,"Label":"L","ItemSelector":{"item.$":"$$.Map.Item.Value","all.$":"$[0]"},"MaxConcurrency":2,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"S","States":{"S":{"Type":"Pass","End":true}}}}}}`)
	execution := m.start(machine)
	if got := m.ended(execution); m.field("status", got) != "SUCCEEDED" || strings.Count(got, secretOf) < 4 {
		t.Fatalf("it ended as %s", got)
	}
	run := member(m.must(m.states(m.root, "ListMapRuns", `{"executionArn":"`+execution+`"}`)), "mapRunArn")
	if got := m.must(m.states(eve, "DescribeMapRun", `{"mapRunArn":"`+run+`"}`)); !strings.Contains(got, `"succeeded":3`) {
		t.Errorf("the map run is %s", got)
	}
	child := member(m.must(m.states(eve, "ListExecutions", `{"mapRunArn":"`+run+`"}`)), "executionArn")
	if got := m.must(m.states(m.root, "DescribeExecution", `{"executionArn":"`+child+`"}`)); !strings.Contains(got, secretOf) {
		t.Errorf("an item's execution is %s", got)
	}
	m.refused("KmsAccessDeniedException", m.states(eve, "DescribeExecution", `{"executionArn":"`+child+`"}`))
}
