package server

import (
	"fmt"
	"strings"
	"testing"
)

// TestTimeSkipNeedsItsOwnStore tries all pairs of lives: time skipping is refused on a store
// that was made without it, before anything there has moved, and on no other.
func TestTimeSkipNeedsItsOwnStore(t *testing.T) {
	modes := []string{SkipOff, SkipTimers, SkipAll}
	for _, sealing := range []string{SealingOn, SealingOff} {
		for _, made := range modes {
			data := t.TempDir()
			for life, mode := range append([]string{made}, modes...) {
				name := fmt.Sprintf("sealing %s: made with %s, start %d with %s", sealing, made, life, mode)
				s, err := Start(t.Context(), Config{
					Listen: "127.0.0.1:0", Data: data, Auth: AuthNone, Sealing: sealing, TimeSkip: mode,
				})
				if refused := made == SkipOff && mode != SkipOff; !refused {
					if err != nil {
						t.Fatalf("%s: %v", name, err)
					}
					if err := s.Close(t.Context()); err != nil {
						t.Fatalf("%s: %v", name, err)
					}
				} else if err == nil || !strings.Contains(err.Error(), "was made without it") {
					t.Fatalf("%s: %v, want a refusal", name, err)
				}
			}
		}
	}
}

// TestTimeSkipOverNestedWaits: executions and map runs that wait for nothing but others, which wait for a moment, are skipped
// with them.
func TestTimeSkipOverNestedWaits(t *testing.T) {
	cfg := memory()
	cfg.TimeSkip = SkipTimers
	s := start(t, cfg)
	const arn = "arn:aws:states:us-east-1:123456789012:"
	const day = `{"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":86400,"End":true}}}`
	begins := func(state, how, machine string) string {
		return fmt.Sprintf(`{"StartAt":%q,"States":{%[1]q:{"Type":"Task","Resource":"arn:aws:states:::%s","Parameters":{"StateMachineArn":%q},"End":true}}}`, state, how, arn+"stateMachine:"+machine)
	}
	const sync, express = "states:startExecution.sync", "aws-sdk:sfn:startSyncExecution"
	askStates(t, s, "CreateActivity", `{"name":"then"}`)
	for _, m := range []struct{ name, definition string }{
		{"express-child", strings.Replace(day, "86400", "200", 1)},
		{"express", begins("Child", express, "express-child")},
		{"child", day},
		{"parent", begins("Child", sync, "child")},
		{"map", `{"StartAt":"M","States":{"M":{"Type":"Map","ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},` + day[1:] + `,"ItemsPath":"$.items","End":true}}}`},
		{"all", `{"StartAt":"P","States":{"P":{"Type":"Parallel","Next":"Then","Branches":[` + begins("Parent", sync+":2", "parent") + "," + begins("Map", sync+":2", "map") + "," + begins("Express", express, "express") + `]},
			"Then":{"Type":"Task","Resource":"` + arn + `activity:then","End":true}}}`},
	} {
		definition := strings.ReplaceAll(m.definition, `stateMachine:map"`, `stateMachine:map","Input":{"items":[1,2]}`)
		kind := "STANDARD"
		if strings.HasPrefix(m.name, "express") {
			kind = "EXPRESS"
		}
		askStates(t, s, "CreateStateMachine", `{"name":%q,"roleArn":"arn:aws:iam::123456789012:role/r","definition":%q,"type":%q}`, m.name, definition, kind)
	}
	if e := askStates(t, s, "StartSyncExecution", `{"stateMachineArn":%q}`, arn+"stateMachine:express"); e.Status != "SUCCEEDED" {
		t.Errorf("an express execution that waits for another is %s", e.Status)
	}
	askStates(t, s, "StartExecution", `{"stateMachineArn":%q}`, arn+"stateMachine:all")
	waitUntil(t, "a day is over", func() bool {
		return askStates(t, s, "GetActivityTask", `{"activityArn":%q}`, arn+"activity:then").TaskToken != ""
	})
}
