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
