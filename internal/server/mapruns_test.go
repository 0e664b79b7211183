package server

import (
	"encoding/json"
	"strings"
	"testing"

	buckets "heddle/internal/bucket"
)

// TestMapRunRoles: a map run reads its items, and puts its results, if the role of its state
// machine may.
func TestMapRunRoles(t *testing.T) {
	memory := &buckets.Memory{}
	memory.Make("items")
	memory.Make("results")
	const text = "[1,2,3]"
	if _, err := memory.Put(t.Context(), &buckets.Put{Bucket: "items", Key: "x.json", Source: buckets.Bytes(text), Size: int64(len(text))}); err != nil {
		t.Fatal(err)
	}
	a := newAuthorityWith(t, func(c *Config) { c.buckets = func(string) buckets.Store { return memory } })
	const (
		read = `"ItemReader":{"Resource":"arn:aws:states:::s3:getObject","ReaderConfig":{"InputType":"JSON"},"Parameters":{"Bucket":"items","Key":"x.json"}}`
		list = `"ItemReader":{"Resource":"arn:aws:states:::s3:listObjectsV2","Parameters":{"Bucket":"items"}}`
	)
	get, put := allow("s3:GetObject", "arn:aws:s3:::items/*"), allow("s3:PutObject", "arn:aws:s3:::results/*")
	for _, c := range []struct{ policy, reader, want string }{
		{get + "," + put, read, "SUCCEEDED"},
		{get, read, "FAILED States.ResultWriterFailed User: @ is not authorized to perform: s3:PutObject on resource: arn:aws:s3:::results/"},
		{put, read, "FAILED States.ItemReaderFailed User: @ is not authorized to perform: s3:GetObject on resource: arn:aws:s3:::items/x.json "},
		{get + "," + put, list, "FAILED States.ItemReaderFailed User: @ is not authorized to perform: s3:ListBucket on resource: arn:aws:s3:::items "},
		{put + "," + allow("s3:ListBucket", "arn:aws:s3:::items"), list, "SUCCEEDED"},
	} {
		role := a.name("role")
		a.role(role, statesTrust, c.policy)
		definition := `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,` + c.reader + `,
			"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}},
			"ResultWriter":{"Resource":"arn:aws:states:::s3:putObject","Parameters":{"Bucket":"results","Prefix":"` + role + `"}}}}}`
		body, err := json.Marshal(map[string]string{"name": a.name("mapping"), "roleArn": roleARN(role), "definition": definition})
		if err != nil {
			t.Fatal(err)
		}
		machine := a.field("stateMachineArn", a.must(a.states(a.root, "CreateStateMachine", string(body))))
		want := strings.Replace(c.want, "@", "arn:aws:sts::"+defaults.Account+":assumed-role/"+role+"/states", 1)
		if got := a.runs(machine); !strings.HasPrefix(got, want) {
			t.Errorf("%s\n%s\n got %s\nwant %s", c.policy, c.reader, got, want)
		}
		var keys []string
		if err := memory.List(t.Context(), "results", role, "", func(o buckets.Object) bool {
			keys = append(keys, o.Key)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		if done := want == "SUCCEEDED"; done != (len(keys) == 2) {
			t.Errorf("%s: results are %v", want, keys)
		}
	}
}

// TestMapRunsAreInspected: a map run tells how many of its executions are done and which run, and
// why the first of those does not move; for those who may describe it and list them.
func TestMapRunsAreInspected(t *testing.T) {
	a := newAuthority(t)
	role := a.name("role")
	a.role(role, statesTrust, allow("*", "*"))
	body, err := json.Marshal(map[string]string{"name": a.name("mapping"), "roleArn": roleARN(role), "definition": `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,
		"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"W","States":{"W":{"Type":"Wait","Seconds":600,"End":true}}}}}}`})
	if err != nil {
		t.Fatal(err)
	}
	machine := a.field("stateMachineArn", a.must(a.states(a.root, "CreateStateMachine", string(body))))
	started := a.field("executionArn", a.must(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+machine+`","input":"[1,2]"}`)))
	inspect := func(arn string) string {
		return a.must(a.operator(a.root, "InspectExecution", `{"executionArn":"`+arn+`"}`))
	}
	run := ""
	waitUntil(t, "the map run has begun, and its executions wait", func() bool {
		run = member(a.must(a.states(a.root, "ListMapRuns", `{"executionArn":"`+started+`"}`)), "mapRunArn")
		if run == "" {
			return false
		}
		seen := inspect(run)
		for _, part := range []string{
			`"running":2,"done":0,"total":2`, `"status":"RUNNING"`, `There: State W waits; it goes on in `, `"children":[{"execution":{"executionArn":"arn:aws:states:us-east-1:123456789012:execution:`,
		} {
			if !strings.Contains(seen, part) {
				return false
			}
		}
		return true
	})
	_, short, _ := strings.Cut(run, ":mapRun:")
	if of := inspect(started); !strings.Contains(of, "child "+short+". There: It waits for its child ") {
		t.Errorf("its parent: %s", of)
	}
	describes := a.user("describes", allow("states:DescribeMapRun", "*"))
	a.refused("AccessDeniedException", a.operator(describes, "InspectExecution", `{"executionArn":"`+run+`"}`))
	both := a.user("both", allow("states:DescribeMapRun", "*"), allow("states:ListExecutions", "*"))
	if of := a.must(a.operator(both, "InspectExecution", `{"executionArn":"`+run+`"}`)); strings.Contains(of, "There:") || !strings.Contains(of, "It waits for its child") {
		t.Errorf("without the executions' own permission: %s", of)
	}
	a.must(a.states(a.root, "StopExecution", `{"executionArn":"`+started+`"}`))
	waitUntil(t, "it has closed", func() bool { return strings.Contains(inspect(run), `"status":"ABORTED"`) })
}
