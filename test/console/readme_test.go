package console

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// shop makes an execution as one sees it in an hour of work: its workers take their time.
func (s *site) shop() {
	ctx, c := s.Context(), s.swf
	none, domain, version := aws.String("NONE"), aws.String("shop"), aws.String("2.4")
	list := func(name string) *types.TaskList { return &types.TaskList{Name: &name} }
	must(c.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: domain, WorkflowExecutionRetentionPeriodInDays: aws.String("7")}))
	must(c.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{
		Domain: domain, Name: aws.String("fulfil-order"), Version: version, DefaultTaskList: list("deciders"), DefaultChildPolicy: types.ChildPolicyTerminate,
		DefaultExecutionStartToCloseTimeout: aws.String("86400"), DefaultTaskStartToCloseTimeout: aws.String("30"),
	}))
	lists := map[string]string{"reserve-stock": "stock", "check-fraud": "risk", "charge-card": "payments", "pack-parcel": "warehouse", "notify-customer": "mailer"}
	for name, list := range lists {
		must(c.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{
			Domain: domain, Name: aws.String(name), Version: version, DefaultTaskList: &types.TaskList{Name: &list}, DefaultTaskHeartbeatTimeout: none, DefaultTaskScheduleToStartTimeout: aws.String("3600"),
			DefaultTaskScheduleToCloseTimeout: none, DefaultTaskStartToCloseTimeout: aws.String("600"),
		}))
	}
	must(c.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{
		Domain: domain, WorkflowId: aws.String("order-1001"), WorkflowType: &types.WorkflowType{Name: aws.String("fulfil-order"), Version: version}, TagList: []string{"gold", "eu"},
		Input: aws.String(`{"order":1001,"customer":"c-204","lines":[{"sku":"A-1","n":2},{"sku":"B-7","n":1}]}`),
	}))
	decide := func(scheduled ...[2]string) {
		task := must(c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: domain, TaskList: list("deciders"), Identity: aws.String("decider-1")}))
		var all []types.Decision
		for _, a := range scheduled {
			all = append(all, types.Decision{DecisionType: types.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: &types.ScheduleActivityTaskDecisionAttributes{
				ActivityId: &a[1], ActivityType: &types.ActivityType{Name: &a[0], Version: version}, Input: aws.String(`{"order":1001}`),
			}})
		}
		if len(scheduled) == 1 && scheduled[0][0] == "pack-parcel" {
			all = append(all, types.Decision{DecisionType: types.DecisionTypeStartTimer, StartTimerDecisionAttributes: &types.StartTimerDecisionAttributes{TimerId: aws.String("remind"), StartToFireTimeout: aws.String("7200")}})
		}
		must(c.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, Decisions: all}))
	}
	take := func(name string) *string {
		return must(c.PollForActivityTask(ctx, &swf.PollForActivityTaskInput{Domain: domain, TaskList: list(lists[name]), Identity: aws.String(lists[name] + "-1")})).TaskToken
	}
	works := func(tenths int) { time.Sleep(time.Duration(tenths) * 100 * time.Millisecond) } // a picture shows times
	done := func(token *string, result string) {
		must(c.RespondActivityTaskCompleted(ctx, &swf.RespondActivityTaskCompletedInput{TaskToken: token, Result: &result}))
	}
	decide([2]string{"reserve-stock", "reserve-1"}, [2]string{"check-fraud", "fraud-1"})
	stock := take("reserve-stock")
	works(5)
	risk := take("check-fraud")
	works(6)
	done(stock, `{"reserved":3}`)
	decide()
	works(8)
	done(risk, `{"score":4}`)
	for _, id := range []string{"charge-1", "charge-2", "charge-3"} {
		decide([2]string{"charge-card", id})
		works(3)
		card := take("charge-card")
		works(5)
		if id == "charge-3" {
			done(card, `{"paid":true}`)
			continue
		}
		must(c.RespondActivityTaskFailed(ctx, &swf.RespondActivityTaskFailedInput{TaskToken: card, Reason: aws.String("CardBusy"), Details: aws.String("the other side did not answer")}))
	}
	decide([2]string{"pack-parcel", "pack-1"})
	parcel := take("pack-parcel")
	works(4)
	must(c.RecordActivityTaskHeartbeat(ctx, &swf.RecordActivityTaskHeartbeatInput{TaskToken: parcel, Details: aws.String("2 of 3 packed")}))
	must(c.SignalWorkflowExecution(ctx, &swf.SignalWorkflowExecutionInput{Domain: domain, WorkflowId: aws.String("order-1001"), SignalName: aws.String("hurry")}))
	decide([2]string{"notify-customer", "mail-1"})
	works(9)
}

// shot writes what the browser's window shows, small enough for a document.
func (b *browser) shot(name string) {
	b.Helper()
	quality := int64(50)
	shot, err := chromedp.Call(b.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: page.CaptureScreenshotFormatWebp, Quality: &quality})
	if err == nil {
		err = os.MkdirAll(*pictures, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*pictures, name+".webp"), shot.Data, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
	if len(shot.Data) > 60_000 {
		b.Errorf("%s has %d bytes, more than a document should have", name, len(shot.Data))
	}
}

// TestReadmePictures writes the pictures of docs/pictures: readme-*.webp.
func TestReadmePictures(t *testing.T) {
	if *pictures == "" {
		t.Skip("no folder for pictures is given")
	}
	s := newSite(t)
	s.shop()
	s.orders("Print label")
	b := newBrowser(t, s.URL())
	s.signIn(b)
	b.size(1280, 1160)
	b.theme("light")
	b.open("/console/us-east-1/shop/executions/order-1001")
	b.waits(`document.querySelector(".why").innerText.includes("nobody polls")`)
	b.shot("readme-execution")
	b.size(1280, 980)
	b.theme("dark")
	b.open(statesPages + "/machines/orders/order-1001")
	b.waits(`document.querySelector('[data-state="Await"]').textContent.includes("running")`)
	ask[bool](b, `document.querySelector("#graph").scrollIntoView(), true`)
	b.shot("readme-graph")
	b.size(390, 844)
	b.open("/console/us-east-1/shop/executions/order-1001")
	b.waits(`document.querySelector(".why").innerText.includes("nobody polls")`)
	b.shot("readme-phone")
}
