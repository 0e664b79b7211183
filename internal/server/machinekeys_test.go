package server

import (
	"encoding/json"
	"strings"
	"testing"

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
