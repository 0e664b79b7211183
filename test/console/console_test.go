// Package console drives the console of a whole server by a browser, Chromium, as people do:
// it signs in by a link, goes through every page, by pointer and by keys, and looks at what
// the browser says of each: nothing that the pages' policy forbids, nothing that axe finds,
// nothing that scrolls sideways on a phone.
//
//	go test ./test/console -pictures DIR
//
// writes a picture of each page, at three widths, light and dark. Where no Chromium is
// installed the tests are skipped, and say so.
package console

import (
	"context"
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	"heddle/internal/server"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/swf"
	"github.com/aws/aws-sdk-go-v2/service/swf/types"
	"github.com/chromedp/cdproto/emulation"
	devlog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "folder to write pictures of the pages to")

//go:embed testdata/axe/axe.min.js
var axe string

// browser is a tab, and what it complained about.
type browser struct {
	*testing.T
	ctx  context.Context
	base string

	mu       sync.Mutex
	troubles []string
}

// chromium is where the browser is.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip("no Chromium is installed; the pages are not driven by a browser")
	return ""
}

// newBrowser opens a browser that has seen nothing yet.
func newBrowser(t *testing.T, base string) *browser {
	b := &browser{T: t, base: base}
	alloc, stop := chromedp.NewExecAllocator(t.Context(),
		chromedp.ExecPath(chromium(t)), chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.UserDataDir(t.TempDir()), chromedp.WindowSize(1400, 900))
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	ctx, ends := context.WithTimeout(ctx, 5*time.Minute)
	b.ctx = ctx
	t.Cleanup(func() { ends(); cancel() })
	b.do()
	if err := chromedp.Listen(ctx, b.hear); err != nil {
		t.Fatal(err)
	}
	_, err := chromedp.Call(ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: `document.addEventListener("securitypolicyviolation", e => console.error("policy: " + e.violatedDirective + " " + e.blockedURI + " " + e.sample))`,
	})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hear keeps what the browser complains about.
func (b *browser) hear(event any) {
	said := ""
	switch e := event.(type) {
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range e.Args {
				said += string(a.Value) + a.Description
			}
		}
	case *runtime.EventExceptionThrown:
		said = e.ExceptionDetails.Text
	case *devlog.EventEntryAdded:
		if e.Entry.Level == devlog.EntryLevelError && !strings.Contains(e.Entry.Text, "Failed to load resource: the server responded with a status of 4") {
			said = e.Entry.Text
		}
	}
	if said != "" {
		b.mu.Lock()
		b.troubles = append(b.troubles, said)
		b.mu.Unlock()
	}
}

// complaints are those since it was last asked.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.troubles
	b.troubles = nil
	return all
}

func (b *browser) do(actions ...chromedp.Action[chromedp.Void]) {
	b.Helper()
	if err := chromedp.Do(b.ctx, actions...); err != nil {
		b.Fatal(err)
	}
}

func (b *browser) open(path string) {
	b.Helper()
	b.do(chromedp.Navigate(b.base + path))
}

// ask evaluates an expression.
func ask[T any](b *browser, expression string) T {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.Fatalf("%s: %v", expression, err)
	}
	return v
}

// waits waits until an expression is true.
func (b *browser) waits(expression string) {
	b.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) { // a browser tells nobody
		if v, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](expression)); err == nil && v {
			return
		}
	}
	b.Fatalf("never became true: %s; %s shows %s", expression, ask[string](b, `location.href`), ask[string](b, `document.body.innerText`))
}

// fine wants a page about which the browser has nothing to say.
func (b *browser) fine(what string) {
	b.Helper()
	for _, c := range b.complaints() {
		b.Errorf("%s: %s", what, c)
	}
}

// site is a server with something to see.
type site struct {
	*testing.T
	*server.Server
	swf  *swf.Client
	data string
}

func newSite(t *testing.T) *site {
	chromium(t)
	cfg := server.Config{Listen: "127.0.0.1:0", Store: server.StoreMemory, Data: t.TempDir(), PollHold: time.Second}
	s, err := server.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	pair, err := credentials.ReadFile(server.CredentialsFile(cfg.Data))
	if err != nil {
		t.Fatal(err)
	}
	keys := aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: pair.KeyID, SecretAccessKey: string(pair.Secret)}, nil
	})
	return &site{t, s, swf.New(swf.Options{Region: "us-east-1", BaseEndpoint: aws.String(s.URL()), Credentials: keys}), cfg.Data}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// evil is what users may call things.
const evil = `<script>window.evil=1<script><img src=x onerror=window.evil=2>"'>`

// fill makes a domain with executions of all sorts, and names that are not nice.
func (s *site) fill() {
	ctx, c := s.Context(), s.swf
	for name, description := range map[string]string{"shop": "Orders of the shop", "billing": "", "a-domain-with-a-rather-long-name-for-a-phone": "", "<b>evil": evil} {
		must(c.RegisterDomain(ctx, &swf.RegisterDomainInput{Name: &name, Description: &description, WorkflowExecutionRetentionPeriodInDays: aws.String("7")}))
	}
	list := func(name string) *types.TaskList { return &types.TaskList{Name: &name} }
	for _, t := range []struct{ domain, name, list string }{{"shop", "fulfil-order", "deciders"}, {"shop", evil, "deciders"}, {"<b>evil", evil, evil}} {
		must(c.RegisterWorkflowType(ctx, &swf.RegisterWorkflowTypeInput{
			Domain: &t.domain, Name: &t.name, Version: aws.String("2.4"), DefaultTaskList: list(t.list), DefaultChildPolicy: types.ChildPolicyTerminate,
			DefaultExecutionStartToCloseTimeout: aws.String("36000"), DefaultTaskStartToCloseTimeout: aws.String("30"),
		}))
	}
	none := aws.String("NONE")
	must(c.RegisterActivityType(ctx, &swf.RegisterActivityTypeInput{
		Domain: aws.String("shop"), Name: aws.String("notify-customer"), Version: aws.String("1"), DefaultTaskList: list("mailers"),
		DefaultTaskHeartbeatTimeout: none, DefaultTaskScheduleToStartTimeout: aws.String("600"), DefaultTaskScheduleToCloseTimeout: none, DefaultTaskStartToCloseTimeout: none,
	}))
	start := func(domain, id, name string, tags ...string) {
		must(c.StartWorkflowExecution(ctx, &swf.StartWorkflowExecutionInput{
			Domain: &domain, WorkflowId: &id, WorkflowType: &types.WorkflowType{Name: &name, Version: aws.String("2.4")}, TagList: tags,
		}))
	}
	for i := range 60 {
		start("shop", fmt.Sprintf("order-%04d", 1000+i), "fulfil-order", "eu", "vip")
	}
	start("shop", evil, evil, evil)
	start("<b>evil", evil, evil, evil)
	for i := range 30 {
		task := must(c.PollForDecisionTask(ctx, &swf.PollForDecisionTaskInput{Domain: aws.String("shop"), TaskList: list("deciders"), Identity: aws.String(evil)}))
		decision := types.Decision{DecisionType: types.DecisionTypeScheduleActivityTask, ScheduleActivityTaskDecisionAttributes: &types.ScheduleActivityTaskDecisionAttributes{
			ActivityId: aws.String("a"), ActivityType: &types.ActivityType{Name: aws.String("notify-customer"), Version: aws.String("1")},
		}}
		switch i % 3 {
		case 0:
			decision = types.Decision{DecisionType: types.DecisionTypeCompleteWorkflowExecution}
		case 1:
			decision = types.Decision{DecisionType: types.DecisionTypeFailWorkflowExecution, FailWorkflowExecutionDecisionAttributes: &types.FailWorkflowExecutionDecisionAttributes{Reason: aws.String("no stock")}}
		}
		must(c.RespondDecisionTaskCompleted(ctx, &swf.RespondDecisionTaskCompletedInput{TaskToken: task.TaskToken, Decisions: []types.Decision{decision}}))
	}
	if _, err := c.DescribeDomain(ctx, &swf.DescribeDomainInput{Name: aws.String(evil)}); err == nil {
		s.Fatal("there is such a domain")
	}
}

// signIn signs in by a link, as people do.
func (s *site) signIn(b *browser) string {
	link := must(s.ConsoleURL())
	b.do(chromedp.Navigate(link))
	b.waits(`document.title.startsWith("Domains")`)
	return link
}

// pages are all pages, by names for their pictures.
var pages = [][2]string{
	{"domains", "/console/us-east-1/"},
	{"deprecated", "/console/us-east-1/?status=deprecated"},
	{"domain", "/console/us-east-1/shop"},
	{"executions", "/console/us-east-1/shop/executions"},
	{"closed", "/console/us-east-1/shop/executions?status=closed&by=close&from=1h"},
	{"nothing", "/console/us-east-1/shop/executions?tag=nothing&status=failed"},
	{"wrong", "/console/us-east-1/shop/executions?from=yesterday"},
	{"evil", "/console/us-east-1/%3Cb%3Eevil/executions"},
	{"many", "/console/us-east-1/shop/executions/-batch?do=terminate&prefix=order-"},
	{"lists", "/console/us-east-1/shop/lists"},
	{"list", "/console/us-east-1/shop/lists/activity/mailers"},
	{"decisions", "/console/us-east-1/shop/lists/decision/deciders"},
	{"server", "/console/us-east-1/-server"},
	{"refusals", "/console/us-east-1/-refusals"},
	{"you", "/console/us-east-1/-you?about=shop"},
	{"absent", "/console/us-east-1/nowhere"},
}

// TestPages goes through all pages: by a browser under the pages' policy, by axe, and on a
// phone.
func TestPages(t *testing.T) {
	s := newSite(t)
	s.fill()
	b := newBrowser(t, s.URL())
	s.signIn(b)
	b.fine("signing in")
	for _, p := range pages {
		b.size(1400, 900)
		b.open(p[1])
		b.fine(p[0])
		if got := ask[bool](b, `window.evil === undefined && document.querySelectorAll("main img, main script").length === 0`); !got {
			t.Errorf("%s: what users wrote became a part of the page", p[0])
		}
		if got := ask[string](b, `getComputedStyle(document.body).fontFamily + [...document.fonts].filter(f => f.status === "loaded").map(f => f.family)`); !strings.Contains(got, "Inter") {
			t.Errorf("%s: fonts %s", p[0], got)
		}
		b.axe(p[0])
		for _, width := range []int64{1400, 768, 390} {
			b.size(width, 900)
			for _, theme := range []string{"light", "dark"} {
				b.theme(theme)
				if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("%s: %d px wide on %d: %s", p[0], wide, width, ask[string](b, `[...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1).slice(0, 3).map(e => e.outerHTML.slice(0, 120)).join("\n")`))
				}
				b.picture(fmt.Sprintf("%s-%d-%s", p[0], width, theme))
			}
			if width == 390 {
				b.axe(p[0] + " on a phone, dark")
			}
		}
		b.theme("light")
		b.fine(p[0] + " at all widths")
	}
}

func (b *browser) size(width, height int64) {
	b.Helper()
	b.do(chromedp.EmulateViewport(width, height))
}

func (b *browser) theme(theme string) {
	b.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		b.Fatal(err)
	}
}

// picture writes the whole page to the folder of pictures.
func (b *browser) picture(name string) {
	b.Helper()
	if *pictures == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.MkdirAll(*pictures, 0o700)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(*pictures, name+".png"), png, 0o600)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// axe wants nothing that hinders people: contrast, names, order, roles.
func (b *browser) axe(what string) {
	b.Helper()
	ask[bool](b, axe+"; true")
	found, err := chromedp.Run(b.ctx, chromedp.Evaluate[string](`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.slice(0, 3).map(n => n.html.slice(0, 200) + " " + n.failureSummary)}))))`, chromedp.EvalAwaitPromise))
	if err != nil {
		b.Fatalf("%s: axe: %v", what, err)
	}
	var all []struct {
		ID, Help string
		Nodes    []string
	}
	if err := json.Unmarshal([]byte(found), &all); err != nil {
		b.Fatal(err)
	}
	for _, v := range all {
		b.Errorf("%s: axe: %s (%s): %s", what, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
	}
	b.complaints() // axe's own
}

// TestPolicyIsHeard: a page with the console's policy and what that forbids has the browser
// complain, so that no complaint means something.
func TestPolicyIsHeard(t *testing.T) {
	s := newSite(t)
	r := must(http.Get(s.URL() + "/console/sign-in"))
	_ = r.Body.Close()
	policy := r.Header.Get("Content-Security-Policy")
	nonce, _, _ := strings.Cut(policy[strings.Index(policy, "nonce-")+6:], "'")
	for name, body := range map[string]string{
		"a script without nonce": `<script>window.ran = 1</script>`,
		"a handler":              `<img src="data:," onerror="window.ran = 1">`,
		"a style":                `<p style="color: red">x</p>`,
		"a frame":                `<iframe src="/x"></iframe>`,
		"text as markup":         `<script nonce="` + nonce + `">document.body.innerHTML = "<b>x</b>"</script>`,
		"eval":                   `<script nonce="` + nonce + `">try { eval("window.ran = 1") } catch (e) { console.log(e) }</script>`,
	} {
		other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Security-Policy", policy)
			w.Header().Set("Content-Type", "text/html")
			_, _ = w.Write([]byte("<!doctype html><title>x</title><body>" + body + "</body>"))
		}))
		b := newBrowser(t, other.URL)
		b.open("/")
		if ask[bool](b, `window.ran === 1`) {
			t.Errorf("%s ran", name)
		}
		if all := b.complaints(); !slices.ContainsFunc(all, func(c string) bool { return strings.Contains(c, "policy: ") }) {
			t.Errorf("%s: nothing was heard: %q", name, all)
		}
		other.Close()
	}
}

// TestLinksWorkOnce: a link that was used is nobody's any more, and its token stays out of
// the address.
func TestLinksWorkOnce(t *testing.T) {
	s := newSite(t)
	b := newBrowser(t, s.URL())
	link := s.signIn(b)
	if at := ask[string](b, `location.href + history.length`); strings.Contains(at, "#") {
		t.Errorf("at %s", at)
	}
	thief := newBrowser(t, s.URL())
	thief.do(chromedp.Navigate(link))
	thief.waits(`document.body.innerText.includes("That link was used before")`)
	thief.open("/console/us-east-1/")
	thief.waits(`document.title.startsWith("Sign in")`)

	// Who has signed in is asked before a link makes him somebody else.
	b.do(chromedp.Navigate(must(s.ConsoleURL())))
	b.waits(`document.body.innerText.includes("The link may be of somebody else")`)
	b.do(chromedp.Click(chromedp.CSS("form#link button")))
	b.waits(`document.title.startsWith("Domains")`)
	b.open("/console/us-east-1/-you")
	b.do(chromedp.Click(chromedp.CSS(`form[action="/console/sign-out"] button`)))
	b.waits(`document.title.startsWith("Sign in")`)
	b.axe("sign in")
	b.picture("signin-1400-light")
	b.size(390, 900)
	b.theme("dark")
	b.picture("signin-390-dark")

	// By a key.
	pair := must(credentials.ReadFile(server.CredentialsFile(s.data)))
	b.do(chromedp.SendKeys(chromedp.CSS(`input[name=key]`), pair.KeyID), chromedp.SendKeys(chromedp.CSS(`input[name=secret]`), string(pair.Secret)), chromedp.Click(chromedp.CSS(`form[action="/console/sign-in"] button`)))
	b.waits(`document.title.startsWith("Domains")`)
	b.fine("signing in and out")
}

// TestFormsFromElsewhere: what a page of another origin posts with the visitor's browser does
// nothing.
func TestFormsFromElsewhere(t *testing.T) {
	s := newSite(t)
	b := newBrowser(t, s.URL())
	s.signIn(b)
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprintf(w, `<!doctype html><form method="post" action="%s/console/sign-out"><button>Win a prize</button></form>`, s.URL())
	}))
	defer other.Close()
	b.do(chromedp.Navigate(other.URL), chromedp.Click(chromedp.CSS("button")))
	b.waits(`document.body.innerText.includes("That came from another page")`)
	b.open("/console/us-east-1/")
	b.waits(`document.title.startsWith("Domains")`)
	b.do(chromedp.Navigate(strings.Replace(s.URL(), "127.0.0.1", "rebound.localhost", 1) + "/console/us-east-1/"))
	b.waits(`document.title.startsWith("Sign in")`) // a name of the loopback, and no cookie there
}

// TestByKeysAlone: / finds, j and k move, Enter opens, ? lists the keys.
func TestByKeysAlone(t *testing.T) {
	s := newSite(t)
	s.fill()
	b := newBrowser(t, s.URL())
	s.signIn(b)
	b.open("/console/us-east-1/shop/executions")
	press := func(keys string) { b.do(chromedp.KeyEvent(keys)) }
	press("?")
	b.waits(`document.querySelector("#keys").open`)
	b.do(chromedp.Click(chromedp.CSS("#keys button")))
	press("/")
	b.waits(`document.activeElement.name === "id"`)
	ask[string](b, `document.activeElement.value = ""`) // the driver sends what a key writes by itself
	press("order-1050\r")
	b.waits(`document.querySelectorAll("tr[data-workflow-id]").length === 1`)
	b.open("/console/us-east-1/shop/executions")
	press("jjk")
	b.waits(`document.activeElement.closest("tr") === document.querySelector("tr[data-workflow-id]")`)
	b.open("/console/us-east-1/")
	press("j")
	want := ask[string](b, `document.activeElement.textContent`)
	press("\r")
	b.waits(`document.querySelector("h1").textContent === ` + fmt.Sprintf("%q", want))
	b.fine("keys")
}

// TestBatches by keys alone: from a filter to how many there are, to what is done to them, to
// how far that is.
func TestBatches(t *testing.T) {
	s := newSite(t)
	s.fill()
	b := newBrowser(t, s.URL())
	s.signIn(b)
	press := func(keys string) { b.do(chromedp.KeyEvent(keys)) }
	focus := func(element string) { ask[bool](b, `(document.querySelector('`+element+`').focus(), true)`) }
	b.open("/console/us-east-1/shop/executions?type=fulfil-order")
	focus(`a[href*="/-batch?"]`)
	press("\r")
	b.waits(`document.title.startsWith("Do to many") && document.querySelector("[name=type]").value === "fulfil-order"`)
	focus(`select[name=do]`)
	press("t") // Terminate; "Try to cancel" is before it
	press("t")
	focus(`form[role=search] button`)
	press("\r")
	b.waits(`location.search.includes("do=terminate")`)
	found := ask[string](b, `document.querySelector("[data-found]").dataset.found`)
	focus(`input[name=reason]`)
	press("a clean start")
	focus(`.doing button`)
	press("\r")
	b.waits(`document.querySelector(".pill.COMPLETED") && document.querySelector("[data-done]").dataset.done === "` + found + `"`)
	b.fine("a batch")
	if found == "0" || ask[bool](b, `!document.body.innerText.includes("a clean start")`) {
		t.Errorf("%s found: %s", found, ask[string](b, `document.body.innerText`))
	}
	for _, page := range []string{"batch", "batches"} {
		for _, width := range []int64{1400, 390} {
			b.size(width, 900)
			if wide := ask[int64](b, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s: %d px wide on %d", page, wide, width)
			}
			b.theme(map[int64]string{1400: "light", 390: "dark"}[width])
			b.axe(page)
			b.picture(fmt.Sprintf("%s-%d", page, width))
		}
		b.fine(page)
		b.open("/console/us-east-1/shop/executions/-batches")
	}
}

// TestPagesReadThemselvesAnew while they are looked at: what is new waits above a list, and
// numbers change in place. Whose session has ended is led to sign in.
func TestPagesReadThemselvesAnew(t *testing.T) {
	s := newSite(t)
	s.fill()
	b := newBrowser(t, s.URL())
	s.signIn(b)
	looked := func() { ask[bool](b, `document.dispatchEvent(new Event("visibilitychange"))`) } // else they wait for ten seconds
	start := func(id string) {
		must(s.swf.StartWorkflowExecution(s.Context(), &swf.StartWorkflowExecutionInput{
			Domain: aws.String("shop"), WorkflowId: &id, WorkflowType: &types.WorkflowType{Name: aws.String("fulfil-order"), Version: aws.String("2.4")},
		}))
	}
	waiting := `document.querySelector("tr[data-list=deciders] td[data-label=Waiting]").textContent`
	b.open("/console/us-east-1/shop/lists")
	before := ask[string](b, waiting)
	start("late-1")
	looked()
	b.waits(waiting + ` !== "` + before + `"`)
	b.axe("lists, read anew")

	b.open("/console/us-east-1/shop/executions")
	looked()
	start("late-2")
	start("late-3")
	b.waits(`(document.dispatchEvent(new Event("visibilitychange")), document.body.innerText.includes("2 new: show them"))`)
	if rows := ask[string](b, `document.querySelector("tr[data-workflow-id]").dataset.workflowId`); rows == "late-3" || rows == "late-2" {
		t.Error("new rows have pushed the list")
	}
	b.do(chromedp.Click(chromedp.CSS("div.live a")))
	b.waits(`["late-2", "late-3"].includes(document.querySelector("tr[data-workflow-id]").dataset.workflowId) && !location.search.includes("since")`)
	b.open("/console/us-east-1/shop")
	b.fine("reading anew")
	ask[bool](b, `fetch("/console/sign-out", {method: "POST"}).then(() => document.dispatchEvent(new Event("visibilitychange"))), true`)
	b.waits(`document.title.startsWith("Sign in")`)
}

// TestThemeAndTime are what a visitor has chosen, on the next page too.
func TestThemeAndTime(t *testing.T) {
	s := newSite(t)
	s.fill()
	b := newBrowser(t, s.URL())
	s.signIn(b)
	b.theme("light")
	b.do(chromedp.Click(chromedp.CSS("[data-theme-switch]")), chromedp.Click(chromedp.CSS("[data-theme-switch]")))
	b.open("/console/us-east-1/shop/executions")
	if got := ask[string](b, `getComputedStyle(document.body).backgroundColor`); got != "rgb(19, 20, 25)" {
		t.Errorf("dark is %s", got)
	}
	_, err := chromedp.Call(b.ctx, emulation.SetTimezoneOverride, emulation.SetTimezoneOverrideParams{TimezoneID: "Asia/Tokyo"})
	if err != nil {
		t.Fatal(err)
	}
	utc := ask[string](b, `document.querySelector("tbody time").textContent`)
	b.do(chromedp.Click(chromedp.CSS("tbody time")))
	if local := ask[string](b, `document.querySelector("tbody time").textContent`); local == utc {
		t.Errorf("%s is both", local)
	}
	b.fine("theme and time")
}
