package server

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"heddle/internal/sfn"
)

// integrating gives the services of a server whose state machines call others at an endpoint.
func integrating(cfg *Config, endpoints ...string) {
	cfg.Services = Services()
	for _, s := range cfg.Services {
		if o, ours := s.Options.(*sfn.Options); ours {
			o.Integrations.Endpoints = endpoints
		}
	}
}

// TestMachineRolesCallServices: a service is called if the machine's role allows it, with the
// operator's endpoint; and the services of the server itself in the role's own right.
func TestMachineRolesCallServices(t *testing.T) {
	var called atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.Add(1)
		if !strings.Contains(r.Header.Get("Authorization"), defaults.Account+"/") {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		_, _ = io.WriteString(w, `{"MessageId":"m"}`)
	}))
	t.Cleanup(endpoint.Close)
	a := newAuthorityWith(t, func(cfg *Config) { integrating(cfg, "sqs="+endpoint.URL, "kinesis=http://127.0.0.1:1") })
	queue := "arn:aws:sqs:" + defaults.Region + ":" + defaults.Account + ":q"
	sends := `,"Parameters":{"QueueUrl":"http://169.254.169.254/` + defaults.Account + `/q","MessageBody":{"token":"t"}}`
	const sqs, states = "arn:aws:states:::sqs:sendMessage", "arn:aws:states:::aws-sdk:sfn:"
	anything, nobody := `,"Parameters":{}`, `,"Credentials":{"RoleArn":"`+roleARN("none")+`"}`
	for _, c := range []struct {
		trust, policy, resource, more, want string
		calls                               int64
	}{
		{statesTrust, allow("sqs:SendMessage", queue), sqs, sends, "SUCCEEDED", 1},
		{statesTrust, allow("sqs:SendMessage", queue+"x"), sqs, sends, "FAILED SQS.AmazonSQSException User: arn:aws:sts::" + defaults.Account + ":assumed-role/@role/states is not authorized to perform: sqs:SendMessage on resource: " + queue, 0},
		{statesTrust, allow("sqs:ReceiveMessage", queue), "arn:aws:states:::aws-sdk:sqs:sendMessage", sends, "FAILED Sqs.SqsException User: arn:aws:sts::", 0},
		{statesTrust, everything, sqs + ".waitForTaskToken", `,"Parameters":{"QueueUrl":"q","MessageBody":{"token.$":"$$.Task.Token"}}`, "SUCCEEDED", 1},
		{statesTrust, everything, sqs, sends + nobody, "FAILED States.Permissions", 0},
		{statesTrust, everything, "arn:aws:states:::aws-sdk:kinesis:listStreams", anything, "FAILED Kinesis.SdkClientException Unable to execute HTTP request: no connection to the endpoint; nothing was done", 0},
		{statesTrust, everything, "arn:aws:states:::aws-sdk:ssm:getParameter", `,"Parameters":{"Name":"x"}`, "FAILED Ssm.SdkClientException Unable to execute HTTP request: this server has no endpoint for ssm", 0},
		{statesTrust, everything, "arn:aws:states:::aws-sdk:neptune:doIt", anything, "FAILED Neptune.SdkClientException Unable to execute HTTP request: this server has no model of neptune", 0},
		{statesTrust, everything, sqs, `,"Parameters":{"QueueUrl":"q","MessageBody":"b","MessageAttributes":[]}`, "FAILED States.Runtime", 0},
		// Services of this server.
		{statesTrust, allow("states:ListStateMachines", "*"), states + "listStateMachines", anything, "SUCCEEDED", 0},
		{statesTrust, allow("states:ListActivities", "*"), states + "listStateMachines", anything, "FAILED Sfn.SfnException User: arn:aws:sts::" + defaults.Account + ":assumed-role/@role/states is not authorized to perform: states:ListStateMachines", 0},
		{statesTrust, everything, states + "getActivityTask", `,"Parameters":{"ActivityArn":"` + statesARN + `activity:a"}`, "FAILED Sfn.SfnException GetActivityTask is not called from inside", 0},
		{statesTrust, everything, states + "sendTaskSuccess", `,"Parameters":{"TaskToken":"none","Output":"no JSON"}`, "FAILED Sfn.InvalidTokenException Invalid Token: 'Invalid token' (Service: Sfn, Status Code: 400, Request ID: ", 0},
		{statesTrust, allow("kms:CreateKey", "*"), "arn:aws:states:::aws-sdk:kms:createKey", anything, "SUCCEEDED", 0},
		{statesTrust, allow("swf:ListDomains", "*"), "arn:aws:states:::aws-sdk:swf:listDomains", `,"Parameters":{"RegistrationStatus":"REGISTERED"}`, "SUCCEEDED", 0},
		{statesTrust, everything, "arn:aws:states:::aws-sdk:iam:getUser", `,"Parameters":{"UserName":"none"}`, "FAILED Iam.NoSuchEntityException", 0},
		{statesTrust, allow("iam:ListUsers", "*"), "arn:aws:states:::aws-sdk:iam:createUser", `,"Parameters":{"UserName":"none"}`, "FAILED Iam.IamException User: arn:aws:sts::", 0},
		{statesTrust, allow("dataexchange:ListDataSets", "*"), "arn:aws:states:::aws-sdk:dataexchange:listDataSets", anything, "SUCCEEDED", 0},
		{statesTrust, everything, states + "listStateMachines", anything + nobody, "FAILED States.Permissions", 0},
	} {
		role := a.name("role")
		a.role(role, c.trust, c.policy)
		before := called.Load()
		got := a.runs(a.machine(role, c.resource, c.more))
		if want := strings.ReplaceAll(c.want, "@role", role); !strings.HasPrefix(got, want) {
			t.Errorf("%s with %s: %s, want %s", c.resource, c.policy, got, want)
		}
		if n := called.Load() - before; n != c.calls {
			t.Errorf("%s with %s: the endpoint was called %d times, want %d", c.resource, c.policy, n, c.calls)
		}
	}
}

// TestMachineRolesCallEndpoints: an HTTP task calls if the machine's role may invoke the endpoint,
// and use the connection.
func TestMachineRolesCallEndpoints(t *testing.T) {
	var called atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.Add(1)
		if key, _, _ := r.BasicAuth(); key != "u" {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(endpoint.Close)
	connection := "arn:aws:events:" + defaults.Region + ":" + defaults.Account + ":connection/c"
	file := filepath.Join(t.TempDir(), "connections.json")
	if err := os.WriteFile(file, []byte(`{"Connections":[{"ConnectionArn":"`+connection+`","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"p"}}}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newAuthorityWith(t, func(cfg *Config) {
		integrating(cfg)
		reaching(cfg, file)
	})
	policy := func(method, endpoint, connection string) string {
		return `{"Effect":"Allow","Action":"states:InvokeHTTPEndpoint","Resource":"` + statesARN + `stateMachine:*","Condition":{"StringEquals":{"states:HTTPMethod":"` + method +
			`"},"StringLike":{"states:HTTPEndpoint":"` + endpoint + `"}}},{"Effect":"Allow","Action":"events:RetrieveConnectionCredentials","Resource":"` + connection + `"},{"Effect":"Allow","Action":"secretsmanager:*","Resource":"*"}`
	}
	sends := `,"Parameters":{"ApiEndpoint":"` + endpoint.URL + `/x","Method":"GET","Authentication":{"ConnectionArn":"@connection"}}`
	for _, c := range []struct {
		policy, connection, want string
		calls                    int64
	}{
		{policy("GET", endpoint.URL+"/*", connection), connection, "SUCCEEDED", 1},
		{policy("POST", endpoint.URL+"/*", connection), connection, "FAILED States.Permissions", 0},
		{policy("GET", endpoint.URL+"/y", connection), connection, "FAILED States.Permissions", 0},
		{policy("GET", "*", connection+"x"), connection, "FAILED Events.ConnectionResource.AccessDenied", 0},
		{everything, connection + "x", "FAILED Events.ConnectionResource.ResourceNotFound", 0},
		{everything, strings.Replace(connection, defaults.Account, "210987654321", 1), "FAILED Events.ConnectionResource.ResourceNotFound", 0},
	} {
		role, before := a.name("role"), called.Load()
		a.role(role, statesTrust, c.policy)
		got := a.runs(a.machine(role, "arn:aws:states:::http:invoke", strings.ReplaceAll(sends, "@connection", c.connection)))
		if n := called.Load() - before; !strings.HasPrefix(got, c.want) || n != c.calls {
			t.Errorf("with %s and %s: %s and %d calls, want %s", c.policy, c.connection, got, n, c.want)
		}
	}
}

// TestMachineRolesCallAPIs: an API that wants to know who calls is called if the machine's role
// may invoke it, with a signature; one that does not is called by all.
func TestMachineRolesCallAPIs(t *testing.T) {
	var called, signed atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.Add(1)
		if strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/execute-api/aws4_request") {
			signed.Add(1)
		}
		if r.URL.Path != "/abc/prod/bills" {
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(endpoint.Close)
	a := newAuthorityWith(t, func(cfg *Config) { integrating(cfg, "execute-api="+endpoint.URL+"/{api}") })
	const invoke = "arn:aws:states:::apigateway:invoke"
	about := func(what string) string {
		return "arn:aws:execute-api:eu-west-1:" + defaults.Account + ":abc/" + what
	}
	for _, c := range []struct {
		policy, resource, auth, more, want string
		calls, signed                      int64
	}{
		{allow("sqs:SendMessage", "*"), invoke, "NO_AUTH", "", "SUCCEEDED", 1, 0},
		{allow("execute-api:Invoke", about("prod/GET/bills")), invoke, "IAM_ROLE", "", "SUCCEEDED", 1, 1},
		{allow("execute-api:Invoke", about("*")), invoke, "RESOURCE_POLICY", "", "SUCCEEDED", 1, 1},
		{allow("execute-api:Invoke", about("prod/POST/bills")), invoke, "IAM_ROLE", "", `FAILED ApiGateway.403 {"Message":"User: `, 0, 0},
		{allow("execute-api:Invoke", about("test/*")), invoke, "RESOURCE_POLICY", "", `FAILED ApiGateway.403 {"Message":"User: `, 0, 0},
		{everything, invoke + ".waitForTaskToken", "NO_AUTH", `,"RequestBody":{"token.$":"$$.Task.Token"}`, "SUCCEEDED", 1, 0},
	} {
		role, calls, signatures := a.name("role"), called.Load(), signed.Load()
		a.role(role, statesTrust, c.policy)
		got := a.runs(a.machine(role, c.resource, `,"Parameters":{"ApiEndpoint":"abc.execute-api.eu-west-1.amazonaws.com","Method":"GET","Stage":"prod","Path":"bills","AuthType":"`+c.auth+`"`+c.more+`}`))
		calls, signatures = called.Load()-calls, signed.Load()-signatures
		if !strings.HasPrefix(got, c.want) || calls != c.calls || signatures != c.signed {
			t.Errorf("%s with %s: %s, %d calls, %d of them signed; want %s", c.auth, c.policy, got, calls, signatures, c.want)
		}
	}
	without := newAuthorityWith(t, func(cfg *Config) { integrating(cfg) })
	without.role("r", statesTrust, everything)
	if got := without.runs(without.machine("r", invoke, `,"Parameters":{"ApiEndpoint":"abc.execute-api.eu-west-1.amazonaws.com","Method":"GET"}`)); !strings.Contains(got, "(--integration execute-api=URL)") {
		t.Errorf("without an endpoint: %s", got)
	}
}

// TestMachineRolesCallClusters: the API of a cluster is called if the machine's role may, with a
// token that names the cluster; a job is asked after until it has ended.
func TestMachineRolesCallClusters(t *testing.T) {
	var called atomic.Int64
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		called.Add(1)
		w.Header().Set("Content-Type", "application/json")
		token, _ := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer k8s-aws-v1."))
		status := "[]"
		switch {
		case !strings.HasPrefix(string(token), "https://sts.us-east-1.amazonaws.com/?") || !strings.Contains(string(token), "x-k8s-aws-id") || !strings.HasPrefix(r.URL.Path, "/of/c1/"):
			w.WriteHeader(http.StatusUnauthorized)
		case r.Method == http.MethodGet:
			status = `[{"type":"Complete","status":"True"}]`
		}
		fmt.Fprintf(w, `{"metadata":{"name":"j"},"status":{"conditions":%s}}`, status)
	}))
	t.Cleanup(cluster.Close)
	a := newAuthorityWith(t, func(cfg *Config) { integrating(cfg, "kubernetes="+cluster.URL+"/of/{cluster}") })
	authority := base64.StdEncoding.EncodeToString(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw}))
	about := `,"Parameters":{"ClusterName":"c1","CertificateAuthority":"` + authority + `","Endpoint":"https://10.0.0.1",`
	may := allow("eks:AccessKubernetesApi", "arn:aws:eks:us-east-1:"+defaults.Account+":cluster/c1")
	const call, job = `"Method":"DELETE","Path":"/api/v1/pods"}`, `"Job":{"kind":"Job"}}`
	for _, c := range []struct {
		policy, resource, more, want string
		calls                        int64
	}{
		{may, "call", call, "SUCCEEDED", 1},
		{allow("eks:*", "arn:aws:eks:us-east-1:"+defaults.Account+":cluster/c2"), "call", call, "FAILED EKS.403 User: ", 0},
		{may, "runJob", job, "SUCCEEDED", 1},
		{may, "runJob.sync", job, "SUCCEEDED", 2},
		{allow("sqs:*", "*"), "runJob.sync", job, "FAILED EKS.403 User: ", 0},
	} {
		role, before := a.name("role"), called.Load()
		a.role(role, statesTrust, c.policy)
		got := a.runs(a.machine(role, "arn:aws:states:::eks:"+c.resource, about+c.more))
		if n := called.Load() - before; !strings.HasPrefix(got, c.want) || n != c.calls {
			t.Errorf("%s with %s: %s and %d calls, want %s and %d", c.resource, c.policy, got, n, c.want, c.calls)
		}
	}
	eks := newAuthorityWith(t, func(cfg *Config) { integrating(cfg, "kubernetes=https://{endpoint}") })
	eks.role("r", statesTrust, everything)
	if got := eks.runs(eks.machine("r", "arn:aws:states:::eks:call", about+call)); !strings.Contains(got, "(--integration kubernetes=URL)") {
		t.Errorf("a host that is not one of EKS: %s", got)
	}
}

// TestCallsAreSignedByTheAccountsKeys, which are in a file of the operator's.
func TestCallsAreSignedByTheAccountsKeys(t *testing.T) {
	var mine atomic.Int64
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.Header.Get("Authorization"), "Credential=MINE/") {
			mine.Add(1)
		} else {
			t.Errorf("called with %s", r.Header.Get("Authorization"))
		}
		_, _ = io.WriteString(w, `{}`)
	}))
	t.Cleanup(endpoint.Close)
	file := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(file, []byte("["+defaults.Account+"]\naws_access_key_id = MINE\naws_secret_access_key = s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := newAuthorityWith(t, func(cfg *Config) {
		integrating(cfg, "sqs="+endpoint.URL)
		for _, s := range cfg.Services {
			if o, ours := s.Options.(*sfn.Options); ours {
				o.Integrations.Credentials = file
			}
		}
	})
	a.role("calls", statesTrust, everything)
	const sqs, sends = "arn:aws:states:::sqs:sendMessage", `,"Parameters":{"QueueUrl":"q","MessageBody":"b"}`
	if got := a.runs(a.machine("calls", sqs, sends)); got != "SUCCEEDED" || mine.Load() != 1 {
		t.Errorf("%s, %d calls", got, mine.Load())
	}
	// Without a profile of its own an account calls nobody.
	if err := os.WriteFile(file, []byte("[999999999999]\naws_access_key_id = THEIRS\naws_secret_access_key = s\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const want = "FAILED SQS.SdkClientException Unable to load credentials: this server has no keys"
	if got := a.runs(a.machine("calls", sqs, sends)); !strings.HasPrefix(got, want) || mine.Load() != 1 {
		t.Errorf("%s, %d calls, want %s", got, mine.Load(), want)
	}
}

// TestJobsAreStopped that a task waits for when its execution is stopped, or its time is over,
// with the machine's role, if that may. Whoever has its token ends the task alone.
func TestJobsAreStopped(t *testing.T) {
	begun, ended := make(chan string, 1000), make(chan string, 1000)
	endpoint := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			JobName, JobID, JobFlowID, ClusterID string
			StepIDs                              []string
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		switch cmp.Or(r.Header.Get("X-Amz-Target"), r.URL.Path) {
		case "ElasticMapReduce.AddJobFlowSteps":
			_, _ = io.WriteString(w, `{"StepIds":["s-1"]}`)
			begun <- in.JobFlowID
		case "ElasticMapReduce.CancelSteps":
			_, _ = io.WriteString(w, `{}`)
			ended <- in.ClusterID + strings.Join(in.StepIDs, " ")
		case "/v1/submitjob":
			_, _ = io.WriteString(w, `{"jobId":"`+in.JobName+`","jobName":"n"}`)
			begun <- in.JobName
		case "/v1/describejobs":
			_, _ = io.WriteString(w, `{"jobs":[{"jobId":"x","status":"RUNNING"}]}`)
		case "/v1/terminatejob":
			_, _ = io.WriteString(w, `{}`)
			ended <- in.JobID
		}
	}))
	t.Cleanup(endpoint.Close)
	log := &written{}
	a := newAuthorityWith(t, func(cfg *Config) {
		integrating(cfg, "batch="+endpoint.URL, "emr="+endpoint.URL)
		cfg.Log = slog.New(slog.NewTextHandler(log, nil))
	})
	a.role("all", statesTrust, everything)
	a.role("begins", statesTrust, allow("batch:SubmitJob", "*")+","+allow("batch:DescribeJobs", "*"))
	const batch, sends = "arn:aws:states:::batch:submitJob.sync", `,"Parameters":{"JobName":"@name","JobQueue":"q","JobDefinition":"d","Parameters":{"token.$":"$$.Task.Token"}}`
	start := func(machine string) string {
		return a.field("executionArn", a.must(a.states(a.root, "StartExecution", `{"stateMachineArn":"`+machine+`"}`)))
	}
	began := func(job string) {
		for <-begun != job {
		}
	}
	submitted := func(arn string) {
		for !strings.Contains(a.must(a.states(a.root, "GetExecutionHistory", `{"executionArn":"`+arn+`"}`)), `"TaskSubmitted"`) {
			runtime.Gosched()
		}
	}
	begin := func(role, name, more string) string {
		arn := start(a.machine(role, batch, strings.ReplaceAll(sends, "@name", name)+more))
		began(name)
		submitted(arn)
		return arn
	}
	told := begin("all", "told", "")
	_, token, _ := strings.Cut(a.must(a.states(a.root, "GetExecutionHistory", `{"executionArn":"`+told+`"}`)), `\"token\":\"`)
	token, _, _ = strings.Cut(token, `\"`)
	a.must(a.states(a.root, "SendTaskSuccess", `{"taskToken":"`+token+`","output":"{}"}`))
	stopped := begin("all", "stopped", "")
	forbidden := begin("begins", "forbidden", "")
	// However slow this is, one of its attempts begins in time.
	start(a.machine("all", batch, strings.ReplaceAll(sends, "@name", "late")+`,"TimeoutSeconds":1,"Retry":[{"ErrorEquals":["States.Timeout"],"MaxAttempts":9999}]`))
	step := start(a.machine("all", "arn:aws:states:::elasticmapreduce:addStep.sync", `,"Parameters":{"ClusterId":"j-1","Step":{"Name":"n","HadoopJarStep":{"Jar":"x"}}}`))
	began("j-1")
	submitted(step)
	for _, arn := range []string{stopped, forbidden, step} {
		a.must(a.states(a.root, "StopExecution", `{"executionArn":"`+arn+`"}`))
	}
	stops := map[string]bool{"stopped": false, "late": false, "j-1s-1": false} // and whether they were
	for left := len(stops); left > 0; {
		job := <-ended
		before, may := stops[job]
		if !may {
			t.Errorf("%s is stopped", job)
		} else if !before {
			stops[job] = true
			left--
		}
	}
	for !strings.Contains(log.String(), "not authorized to perform: batch:TerminateJob") {
		runtime.Gosched()
	}
}
