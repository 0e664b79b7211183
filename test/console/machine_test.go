package console

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sfn"
	"github.com/aws/aws-sdk-go-v2/service/sfn/types"
	"github.com/chromedp/chromedp"
)

// orders is a machine with all that a graph has.
const orders = `{"Comment":"Orders of the shop","StartAt":"Check order","States":{
"Check order":{"Type":"Pass","Next":"Is it large?"},
"Is it large?":{"Type":"Choice","Choices":[{"Variable":"$.total","NumericGreaterThan":1000,"Next":"Ask a person"},{"And":[{"Variable":"$.country","StringEquals":"CH"},{"Variable":"$.vip","BooleanEquals":true}],"Next":"Prepare"}],"Default":"Prepare"},
"Ask a person":{"Type":"Wait","Seconds":3600,"Next":"Prepare"},
"Prepare":{"Type":"Parallel","Branches":[
 {"StartAt":"Reserve stock","States":{"Reserve stock":{"Type":"Pass","Next":EVIL},EVIL:{"Type":"Pass","End":true}}},
 {"StartAt":"Each line","States":{"Each line":{"Type":"Map","ItemsPath":"$.lines","ItemProcessor":{"StartAt":"Pick","States":{"Pick":{"Type":"Choice","Choices":[{"Variable":"$.sku","StringEquals":"late","Next":"Await"}],"Default":"Packed"},"Await":{"Type":"Wait","Seconds":3600,"End":true},"Packed":{"Type":"Pass","End":true}}},"End":true}}}],
 "Catch":[{"ErrorEquals":["States.ALL"],"Next":"Apologize"}],"Next":"Charge card"},
"Charge card":{"Type":"Task","Resource":ACTIVITY,"Retry":[{"ErrorEquals":["CardBusy"],"IntervalSeconds":1,"MaxAttempts":3}],"Catch":[{"ErrorEquals":["CardRefused"],"Next":"Apologize"},{"ErrorEquals":["States.Timeout"],"Next":"Is it large?"}],"TimeoutSeconds":3000,"Next":"Ship"},
"Ship":{"Type":"Pass","Next":"Done"},"Done":{"Type":"Succeed"},
"Apologize":{"Type":"Pass","Next":"Gave up"},"Gave up":{"Type":"Fail","Error":"NoOrder","Cause":"The card was refused."}}}`

// orders makes executions of the machine: of one a line is late, the card of the other is
// refused at the second try; and two map runs, of which one goes on and one has failed. What
// users may write has a text in it.
func (s *site) orders(text string) {
	ctx := s.Context()
	users := iam.New(iam.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: s.swf.Options().Credentials})
	c := sfn.New(sfn.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: s.swf.Options().Credentials})
	role := must(users.CreateRole(ctx, &iam.CreateRoleInput{
		RoleName:                 aws.String("machines"),
		AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"Service":"states.amazonaws.com"},"Action":"sts:AssumeRole"}}`),
	})).Role
	must(users.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
		RoleName: role.RoleName, PolicyName: aws.String("all"), PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"states:*","Resource":"*"}}`),
	}))
	activity := must(c.CreateActivity(ctx, &sfn.CreateActivityInput{Name: aws.String("charge-card")})).ActivityArn
	name := string(must(json.Marshal(text)))
	definition := strings.NewReplacer("EVIL", name, "ACTIVITY", string(must(json.Marshal(activity)))).Replace(orders)
	machine := must(c.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("orders"), RoleArn: role.Arn, Definition: &definition})).StateMachineArn
	for _, e := range [][2]string{
		{"order-1001", `{"total":120,"country":"CH","vip":true,"lines":[{"sku":"A-1"},{"sku":"late"},{"sku":"B-7"}]}`},
		{"order-1002", `{"total":80,"country":"DE","vip":false,"note":` + name + `,"lines":[{"sku":"A-1"},{"sku":"B-7"}]}`},
	} {
		must(c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine, Name: &e[0], Input: &e[1]}))
	}
	for _, cause := range []string{"CardBusy", "CardRefused"} {
		token := ""
		for token == "" { // the second try comes a second later
			token = aws.ToString(must(c.GetActivityTask(ctx, &sfn.GetActivityTaskInput{ActivityArn: activity, WorkerName: aws.String("till 1")})).TaskToken)
		}
		must(c.SendTaskFailure(ctx, &sfn.SendTaskFailureInput{TaskToken: &token, Error: &cause, Cause: aws.String(text)}))
	}
	definition = `{"StartAt":"Files","States":{"Files":{"Type":"Map","Label":"Files","MaxConcurrency":3,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"Kind","States":{
"Kind":{"Type":"Choice","Choices":[{"Variable":"$","NumericEquals":0,"Next":"Bad"},{"Variable":"$","NumericEquals":9,"Next":"Rest"}],"Default":"Good"},"Bad":{"Type":"Fail","Error":"Empty"},"Good":{"Type":"Pass","End":true},"Rest":{"Type":"Wait","Seconds":3600,"End":true}}},"End":true}}}`
	machine = must(c.CreateStateMachine(ctx, &sfn.CreateStateMachineInput{Name: aws.String("files"), RoleArn: role.Arn, Definition: &definition})).StateMachineArn
	for name, input := range map[string]string{"goes-on": "[1,2,9,3]", "failed": "[1,0]"} {
		arn := must(c.StartExecution(ctx, &sfn.StartExecutionInput{StateMachineArn: machine, Name: &name, Input: &input})).ExecutionArn
		for name == "failed" && must(c.DescribeExecution(ctx, &sfn.DescribeExecutionInput{ExecutionArn: arn})).Status == types.ExecutionStatusRunning { // its map run ends by itself
			continue
		}
	}
}

const statesPages = "/console/us-east-1/-states"

// TestMachineGraphs looks at graphs, map runs and tests of states, and does all that is done
// with them by clicking, and by keys.
func TestMachineGraphs(t *testing.T) {
	s := newSite(t)
	s.orders(evil)
	b := newBrowser(t, s.URL())
	s.signIn(b)
	b.open(statesPages + "/machines/orders/order-1002")
	b.waits(`document.querySelector('[data-state="Charge card"]').textContent.includes("caught, retried once") && document.querySelector('[data-state="Gave up"]').textContent.includes("failed")`)
	b.waits(`document.querySelector('[data-state="Ship"]').textContent.includes("not entered") && document.querySelector('[data-state="Packed"]').textContent.includes("2 of 2 succeeded")`)

	// A state is shown by its box, by keys.
	ask[bool](b, `document.querySelector('[data-state="Charge card"]').focus(), true`)
	b.do(chromedp.KeyEvent("\r"))
	b.waits(`document.querySelector("#state") && document.querySelector("#state h2").textContent.includes("Charge card") && document.querySelectorAll("#state tbody tr").length === 2`)
	b.waits(`document.querySelector("#state").innerText.includes("CardRefused") && document.querySelector("#state .given").innerText.includes("country")`)
	// The table says the same as the drawing.
	if got := ask[string](b, `[...document.querySelectorAll(".states tbody tr")].map(r => r.cells[0].querySelector("a").textContent + "=" + r.cells[0].querySelector("a").getAttribute("href")).sort().join() === [...document.querySelectorAll(".node")].map(n => n.dataset.state + "=" + n.getAttribute("href")).sort().join() ? "" : document.querySelector(".states").textContent`); got != "" {
		t.Errorf("the table says %s", got)
	}
	b.looks("machine-graph", ask[string](b, `location.pathname + location.search`))

	// It is tested with what it was given.
	b.size(1400, 900)
	b.follow("Test it", "Test a state")
	b.waits(`document.querySelector("[name=stateName]").value === "Charge card" && document.querySelector("[name=input]").value.includes("country") && document.querySelector("[name=definition]").value.includes("StartAt")`)
	b.fills("mock.errorOutput.error", "CardRefused", "mock.errorOutput.cause", "no money", "stateConfiguration.retrierRetryCount", "1")
	b.click("form[method=post] button.first")
	b.waits(`document.querySelector("#outcome") && document.querySelector("#outcome .pill").innerText === "Caught error" && document.querySelector("#outcome").innerText.includes("Apologize") && document.querySelector("#outcome").innerText.includes("no money")`)
	b.axe("a test of a state")
	b.fills("stateConfiguration.retrierRetryCount", "many")
	b.click("form[method=post] button.first")
	b.waits(`document.querySelector(".wrong") && document.querySelector(".wrong").innerText.includes("is to be a number") && !document.querySelector("#outcome")`)
	b.looks("test-state", statesPages+"/test?machine=orders&state=Pick")

	// A map run is changed; one that has failed is redriven by its execution.
	b.size(1400, 900)
	b.open(statesPages + "/machines/files/goes-on")
	b.waits(`document.querySelector('[data-state="Files"]').textContent.includes("3 of 4 done, 1 running")`)
	b.click("#map-runs td.main a")
	b.waits(`document.querySelector("h1").innerText.startsWith("Map run") && document.querySelectorAll("tr[data-execution]").length === 4`)
	run := ask[string](b, `location.pathname`)
	b.looks("map-run", run)
	b.size(1400, 900)
	b.follow("Change", "Change the map run")
	b.waits(`document.querySelector("[name=maxConcurrency]").value === "3"`)
	ask[bool](b, `document.querySelector("[name=toleratedFailurePercentage]").value = "12.5", document.querySelector("[name=maxConcurrency]").value = "7", true`)
	b.click("form[method=post] button.first")
	b.done("The map run was changed.")
	b.waits(`document.querySelector("dl.facts").innerText.includes("12.5 %") && document.querySelector("dl.facts").innerText.includes("7")`)
	b.click("td.main a")
	b.waits(`document.querySelector("p.up").innerText.includes("Map run of files") && document.querySelector('[data-state="Kind"]') !== null`)
	b.click("p.up a")
	b.waits(`location.pathname === "` + run + `"`)
	b.open(statesPages + "/machines/files/failed")
	b.click("#map-runs td.main a")
	b.waits(`document.querySelector("h1 + .pill").innerText === "Failed"`)
	b.follow("Redrive", "Redrive")
	b.click("form[method=post] button.first")
	b.done("The execution goes on.")
	b.follow("Start again", "Start again")
	b.waits(`document.querySelector("[name=input]").value === "[1,0]"`)
	b.fine("graphs, tests and map runs")
}
