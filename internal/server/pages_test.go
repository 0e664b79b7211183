package server

import (
	"encoding/json"
	"fmt"
	"heddle/internal/aws/operation"
	buckets "heddle/internal/bucket"
	"heddle/internal/dataexchange"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"heddle/internal/iam/account"
	"heddle/internal/kms/keyring"
	"heddle/internal/service"
	"heddle/internal/swf"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// answerBytesMax is what docs/OPERATING.md says of every answer.
const answerBytesMax = 1 << 20

// readers are the actions of a service that only read, in order, by their names.
var readers = regexp.MustCompile(`^(List|Get|Describe|Count|Simulate|Poll)`)

// servicesSeen are the services of a server, and what each has opened.
func servicesSeen() ([]*service.Service, map[string]*service.Opened) {
	services, opened := Services(), map[string]*service.Opened{}
	for _, s := range services {
		switch o := s.Options.(type) {
		case *swf.Options:
			o.Registry.DomainsMax = 1000
		case *dataexchange.Options:
			o.OwnedEventActions = true
			o.Limits.EventActionsMax, o.Limits.DataSetActionsMax, o.Limits.PendingGrantsMax = 1000, 1000, 1000
		}
		open := s.Open
		s.Open = func(k *service.Kernel) (*service.Opened, error) {
			o, err := open(k)
			opened[s.Name] = o
			return o, err
		}
	}
	return services, opened
}

// TestAnswersAreBounded fills a server with the largest things of each sort that there may
// be, some hundred of each, and asks everything that every service can be asked for the
// largest page. No answer is larger than it may be, and pages join to the list.
func TestAnswersAreBounded(t *testing.T) {
	if racing {
		t.Skip("it is about amounts: some thousand large calls")
	}
	services, opened := servicesSeen()
	memory := &buckets.Memory{}
	cfg := Config{Listen: "127.0.0.1:0", Store: StoreMemory, Data: t.TempDir(), PollHold: 20 * time.Millisecond, Services: services, Accounts: []string{other}}
	cfg.buckets = func(string) buckets.Store { return memory }
	s := start(t, cfg)
	h := &harness{t, s, rootKey(t, cfg.Data)}
	const many = 300

	// What takes most bytes of a character: an emoji four, in UTF-8; a control character
	// six, in JSON; an ampersand five, in XML.
	wide := func(n int) string { return strings.Repeat("\U0001F600", n) }
	id := func(i, n int) string { return fmt.Sprintf("%03d", i) + wide(n-3) }
	data := strings.Repeat(`\u0001`, 32768)
	h.each(many, func(i int) *knock {
		return h.swf(h.root, "RegisterDomain", fmt.Sprintf(`{"name":"%s","workflowExecutionRetentionPeriodInDays":"1","description":"%s"}`, id(i, 256), wide(1024)))
	})
	domain := id(0, 256)
	arn := "arn:aws:swf:" + defaults.Region + ":" + defaults.Account + ":/domain/" + domain
	for i := range 50 {
		h.must(h.swf(h.root, "TagResource", fmt.Sprintf(`{"resourceArn":"%s","tags":[{"key":"%s","value":"%s"}]}`,
			arn, fmt.Sprintf("%02d", i)+strings.Repeat("\u00e9", 126), strings.Repeat("\u00e9", 256))))
	}
	for _, kind := range []string{"Workflow", "Activity"} {
		h.each(many, func(i int) *knock {
			return h.swf(h.root, "Register"+kind+"Type", fmt.Sprintf(`{"domain":"%s","name":"%s","version":"%s","description":"%s"}`, domain, id(i, 256), wide(64), wide(1024)))
		})
	}
	typeOf := func(kind string) string {
		return fmt.Sprintf(`"%sType":{"name":"%s","version":"%s"}`, kind, id(0, 256), wide(64))
	}
	tags := `"` + strings.Join([]string{id(0, 256), id(1, 256), id(2, 256), id(3, 256), id(4, 256)}, `","`) + `"`
	start := func(i int) *knock {
		return h.swf(h.root, "StartWorkflowExecution", fmt.Sprintf(`{"domain":"%s","workflowId":"%s","taskList":{"name":"l%d"},"input":"%s","tagList":[%s],%s,
			"executionStartToCloseTimeout":"36000","taskStartToCloseTimeout":"NONE","childPolicy":"TERMINATE"}`, domain, id(i, 256), i/many, data, tags, typeOf("workflow")))
	}
	h.each(2*many, start)
	h.each(many, func(i int) *knock {
		return h.swf(h.root, "TerminateWorkflowExecution", fmt.Sprintf(`{"domain":"%s","workflowId":"%s"}`, domain, id(i, 256)))
	})
	last := many*2 + 1
	run := h.field("runId", h.must(start(last)))
	const signals = 80
	h.each(signals, func(int) *knock {
		return h.swf(h.root, "SignalWorkflowExecution", fmt.Sprintf(`{"domain":"%s","workflowId":"%s","signalName":"%s","input":"%s"}`, domain, id(last, 256), wide(256), data))
	})

	// In IAM. A path is written twice, also in the ARN.
	path := "/" + strings.Repeat("&", 510) + "/"
	policyPath := "/" + strings.Repeat("p", 510) + "/"
	name := func(i int) string { return fmt.Sprintf("%03d", i) + strings.Repeat("n", 50) }
	limits := account.DefaultLimits()
	trust := `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"` + defaults.Account + `"}}}`
	trust += strings.Repeat(" ", limits.TrustMax)
	document := policyOf(slices.Repeat([]string{allow("a:*", "*")}, limits.PolicyMax/60)...)
	policyARN := func(i int) string {
		return "arn:aws:iam::" + defaults.Account + ":policy" + policyPath + name(i)
	}
	h.each(many, func(i int) *knock {
		return h.iam(h.root, "CreatePolicy", "PolicyName", name(i), "Path", policyPath, "PolicyDocument", document, "Description", strings.Repeat("&", 1000))
	})
	for range limits.VersionsPerPolicyMax - 1 {
		h.must(h.iam(h.root, "CreatePolicyVersion", "PolicyArn", policyARN(0), "PolicyDocument", document))
	}
	for _, title := range []string{"User", "Group", "Role"} {
		h.each(many, func(i int) *knock {
			k := []string{title + "Name", name(i), "Path", path}
			if title == "Role" {
				k = append(k, "AssumeRolePolicyDocument", trust, "Description", strings.Repeat("&", 1000))
			}
			return h.iam(h.root, "Create"+title, k...)
		})
		h.each(limits.AttachedPerEntityMax, func(i int) *knock {
			return h.iam(h.root, "Attach"+title+"Policy", title+"Name", name(0), "PolicyArn", policyARN(i))
		})
		h.must(h.iam(h.root, "Put"+title+"Policy", title+"Name", name(0), "PolicyName", name(0), "PolicyDocument", policyOf(allow("a:*", "*"))))
	}
	h.each(many, func(i int) *knock {
		return h.iam(h.root, "AddUserToGroup", "UserName", name(i), "GroupName", name(0))
	})
	h.each(many, func(i int) *knock {
		return h.iam(h.root, "AttachRolePolicy", "RoleName", name(i), "PolicyArn", policyARN(0))
	})
	for i := range limits.GroupsPerUserMax {
		h.must(h.iam(h.root, "AddUserToGroup", "UserName", name(0), "GroupName", name(i)))
	}
	key := keyIn(t, h.must(h.iam(h.root, "CreateAccessKey", "UserName", name(0)))).AccessKeyID

	// In KMS. A key has as many grants as fill more than a page, each as large as it may be.
	h.each(many, func(i int) *knock {
		return h.kms(h.root, "CreateKey", fmt.Sprintf(`{"Description":"%s"}`, strings.Repeat(`\u0001`, 8192)))
	})
	kmsKey := keyIDIn(h.must(h.kms(h.root, "CreateKey", `{"BypassPolicyLockoutSafetyCheck":true,"Policy":"`+
		strings.ReplaceAll(policyOf(`{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":"kms:*","Resource":"*"}`), `"`, `\"`)+strings.Repeat(`\t`, 32<<10-500)+`"}`)))
	h.each(keyring.DefaultLimits().AliasesPerKeyMax, func(i int) *knock {
		return h.kms(h.root, "CreateAlias", fmt.Sprintf(`{"AliasName":"alias/%02d%s","TargetKeyId":"%s"}`, i, strings.Repeat("a", 248), kmsKey))
	})
	for i := range keyring.DefaultLimits().TagsMax {
		h.must(h.kms(h.root, "TagResource", fmt.Sprintf(`{"KeyId":"%s","Tags":[{"TagKey":"%02d%s","TagValue":"%s"}]}`, kmsKey, i, strings.Repeat(`\u0001`, 126), strings.Repeat(`\u0001`, 256))))
	}
	pairs := func() string {
		var all []string
		for i := range 8 {
			all = append(all, fmt.Sprintf(`"%d%s":"%s"`, i, strings.Repeat(`\u0001`, 383), strings.Repeat(`\u0001`, 384)))
		}
		return "{" + strings.Join(all, ",") + "}"
	}()
	h.each(many, func(i int) *knock {
		return h.kms(h.root, "CreateGrant", fmt.Sprintf(`{"KeyId":"%s","GranteePrincipal":"arn:aws:iam::%s:root","RetiringPrincipal":"arn:aws:iam::%s:root","Name":"g%d",
			"Operations":["Decrypt","Encrypt"],"Constraints":{"EncryptionContextEquals":%s}}`, kmsKey, defaults.Account, defaults.Account, i, pairs))
	})
	for range keyring.DefaultLimits().OnDemandMax {
		h.must(h.kms(h.root, "RotateKeyOnDemand", `{"KeyId":"`+kmsKey+`"}`))
	}

	// In EventBridge.
	h.each(many, func(i int) *knock {
		return h.connections(h.root, "CreateConnection", fmt.Sprintf(`{"Name":"%03d%s","Description":"%s","AuthorizationType":"BASIC","AuthParameters":{"BasicAuthParameters":{"Username":"u","Password":"p"}}}`,
			i, strings.Repeat("n", 61), strings.Repeat(`\u0001`, 512)))
	})

	batch := h.field("batchId", h.must(h.operator(h.root, "StartBatch", fmt.Sprintf(`{"search":{"domain":"%s","tag":"none"},"action":"TerminateWorkflowExecution",
		"reason":"%s","details":"%s"}`, domain, wide(256), data))))

	machines, mapRun := fillStates(h, many)
	exchange := fillExchange(h, rootKeyOf(t, cfg.Data, other), memory, many)

	// One body, and one form, for all that there is to ask: what an action does not take it
	// does not look at.
	body := fmt.Sprintf(`{"domain":"%s","registrationStatus":"REGISTERED","resourceArn":"%s","maximumPageSize":1000,
		"execution":{"workflowId":"%s","runId":"%s"},"startTimeFilter":{"oldestDate":0},"taskList":{"name":"l2"},%s,%s`,
		domain, arn, id(last, 256), run, typeOf("workflow"), typeOf("activity"))
	form := url.Values{
		"MaxItems": {"1000"}, "UserName": {name(0)}, "GroupName": {name(0)}, "RoleName": {name(0)}, "PolicyName": {name(0)},
		"PolicyArn": {policyARN(0)}, "VersionId": {"v1"}, "AccessKeyId": {key},
		"PolicySourceArn": {"arn:aws:iam::" + defaults.Account + ":user" + path + name(0)},
	}
	for i := range 30 {
		form.Set(fmt.Sprintf("ActionNames.member.%d", i+1), fmt.Sprintf("a:%d", i))
		form.Set(fmt.Sprintf("ResourceArns.member.%d", i+1), fmt.Sprintf("arn:aws:a:::%d", i))
	}
	for i := range 60000 / len(document) {
		form.Set(fmt.Sprintf("PolicyInputList.member.%d", i+1), document)
	}
	asked := 0
	for _, of := range slices.Sorted(maps.Keys(opened)) {
		for _, op := range opened[of].Operations {
			if !readers.MatchString(op.Name) {
				continue
			}
			asked++
			items, pages, largest, next := 0, 0, 0, ""
			most := 100
			if strings.HasPrefix(op.Name, "Simulate") {
				most = 3
			}
			for ; pages < most && (pages == 0 || next != ""); pages++ {
				k := h.swf(h.root, op.Name, body+"}")
				if op.Name == "DescribeDomain" { // a name is a filter elsewhere
					k.body = body + fmt.Sprintf(`,"name":"%s"}`, domain)
				}
				if next != "" {
					k.body = body + `,"nextPageToken":"` + next + `"}`
				}
				switch of {
				case "heddle":
					k = h.operator(h.root, op.Name, fmt.Sprintf(`{"service":"swf","kind":"decision","domain":"%s","name":"l2","maximumPageSize":1000,
						"executions":[{"workflowId":"%s","runId":"%s"}],"batchId":"%s"`, domain, id(last, 256), run, batch)+strings.TrimPrefix(k.body, body))
				case "states":
					about := machines
					if op.Name == "DescribeMapRun" { // elsewhere it would be one too many
						about += `,"mapRunArn":"` + mapRun + `"`
					}
					k = h.states(h.root, op.Name, about+nextToken(next)+"}")
				case "kms":
					k = h.kms(h.root, op.Name, `{"KeyId":"`+kmsKey+`","Limit":1000,"NumberOfBytes":1024,"RetiringPrincipal":"arn:aws:iam::`+defaults.Account+`:root"`+marker(next)+`}`)
				case "events":
					about := `"Name":"000` + strings.Repeat("n", 61) + `","Limit":100`
					if next != "" {
						about += `,"NextToken":"` + next + `"`
					}
					k = h.connections(h.root, op.Name, "{"+about+"}")
				case "iam", "sts":
					k = h.iam(h.root, op.Name)
					asked, _ := url.ParseQuery(k.body)
					maps.Copy(asked, form)
					if asked.Del("Marker"); next != "" {
						asked.Set("Marker", next)
					}
					k.body = asked.Encode()
				}
				if of == "dataexchange" {
					k = exchange(&op, next)
				}
				answer := h.ask(k)
				if answer.status != http.StatusOK && !nothingThere[op.Name] {
					t.Errorf("%s: %d %.300s", op.Name, answer.status, answer.text)
				}
				largest = max(largest, len(answer.text))
				if len(answer.text) > answerBytesMax {
					t.Errorf("%s: page %d of a list has %d bytes", op.Name, pages+1, len(answer.text))
				}
				var n int
				n, next = itemsOf(answer.text, of)
				items += n
			}
			if want, lists := itemsWanted(op.Name, many, signals, limits); lists && items != want {
				t.Errorf("%s: %d pages have %d items, want %d", op.Name, pages, items, want)
			}
			t.Logf("%-32s %3d pages, %4d items, largest answer %7d bytes", op.Name, pages, items, largest)
		}
	}
	if asked < 50 {
		t.Errorf("%d actions were asked", asked)
	}
}

// fillStates makes activities, state machines and executions, and one with a history of some
// megabytes. It gives a body, open at its end, for all that there is to ask about these, and a map run.
func fillStates(h *harness, many int) (about, mapRun string) {
	h.role("states", statesTrust)
	long := func(i int) string { return fmt.Sprintf("%03d", i) + strings.Repeat("n", 77) }
	h.each(many, func(i int) *knock { return h.states(h.root, "CreateActivity", `{"name":"`+long(i)+`"}`) })
	var states []string
	for i := range 12 {
		states = append(states, fmt.Sprintf(`"s%d":{"Type":"Pass","Next":"s%d"}`, i, i+1))
	}
	definition := `{"StartAt":"s0","States":{` + strings.Join(states, ",") + `,"s12":{"Type":"Succeed"}}}`
	quoted, err := json.Marshal(definition)
	if err != nil {
		h.t.Fatal(err)
	}
	h.each(many, func(i int) *knock {
		return h.states(h.root, "CreateStateMachine", `{"name":"`+long(i)+`","roleArn":"`+roleARN("states")+`","publish":true,"definition":`+string(quoted)+`}`)
	})
	arn := "arn:aws:states:" + defaults.Region + ":" + defaults.Account + ":"
	machine := arn + "stateMachine:" + long(0)
	h.must(h.states(h.root, "CreateStateMachineAlias", `{"name":"live","routingConfiguration":[{"stateMachineVersionArn":"`+machine+`:1","weight":100}]}`))
	h.each(many, func(i int) *knock {
		return h.states(h.root, "StartExecution", `{"stateMachineArn":"`+machine+`:live","name":"`+long(i)+`"}`)
	})
	h.must(h.states(h.root, "StartExecution", `{"stateMachineArn":"`+machine+`","name":"large","input":"\"`+strings.Repeat("x", 250_000)+`\""}`))
	h.must(h.states(h.root, "CreateStateMachine", `{"name":"mapping","roleArn":"`+roleARN("states")+`","definition":"`+strings.ReplaceAll(distributedMap, `"`, `\"`)+`"}`))
	h.must(h.states(h.root, "StartExecution", `{"stateMachineArn":"`+arn+`stateMachine:mapping","name":"mapped","input":"[1]"}`))
	for mapRun == "" {
		_, after, _ := strings.Cut(h.must(h.states(h.root, "ListMapRuns", `{"executionArn":"`+arn+`execution:mapping:mapped"}`)), `"mapRunArn":"`)
		mapRun, _, _ = strings.Cut(after, `"`)
	}
	h.must(h.iam(h.root, "DeleteRole", "RoleName", "states")) // others count the roles
	return fmt.Sprintf(`{"activityArn":"%sactivity:%s","stateMachineArn":"%s","stateMachineAliasArn":"%s:live","executionArn":"%sexecution:%s:large","resourceArn":"%s","maxResults":1000`,
		arn, long(0), machine, machine, arn, long(0), machine), mapRun
}

// distributedMap is a definition with a Map state in distributed mode.
const distributedMap = `{"StartAt":"M","States":{"M":{"Type":"Map","End":true,"ItemProcessor":{"ProcessorConfig":{"Mode":"DISTRIBUTED","ExecutionType":"STANDARD"},"StartAt":"P","States":{"P":{"Type":"Pass","End":true}}}}}}`

// fillExchange makes data sets, and one with as many revisions, event actions and jobs, each
// as large as it may be, a revision with assets, and grants to and from another account. It
// gives what asks for an action of them.
func fillExchange(h *harness, there aws.Credentials, memory *buckets.Memory, many int) func(op *operation.Operation, next string) *knock {
	h.t.Helper()
	key := h.root
	call := func(method, path, body string) *knock {
		path, query, _ := strings.Cut(path, "?")
		return &knock{key: key, service: "dataexchange", region: defaults.Region, at: time.Now(), method: method, path: path, query: query, body: body, header: http.Header{"Content-Type": {"application/json"}}}
	}
	must := func(method, path, body string) string {
		answer := h.ask(call(method, path, body))
		if answer.status >= 300 {
			h.t.Fatalf("%s %s: %s", method, path, answer.text)
		}
		return answer.text
	}
	each := func(n int, path string, body func(i int) string) {
		var callers sync.WaitGroup
		for w := range 8 {
			callers.Go(func() {
				for i := w; i < n && !h.t.Failed(); i += 8 {
					if answer := h.ask(call(http.MethodPost, path, body(i))); answer.status != http.StatusCreated {
						h.t.Errorf("%s: %.300s", path, answer.text)
					}
				}
			})
		}
		callers.Wait()
	}
	wide := strings.Repeat(`\u0001`, 16384)
	each(many, "/v1/data-sets", func(int) string { return `{"Name":"n","Description":"` + wide + `","AssetType":"S3_SNAPSHOT"}` })
	set := h.field("Id", must(http.MethodPost, "/v1/data-sets", `{"Name":"n","Description":"`+wide+`","AssetType":"S3_SNAPSHOT"}`))
	each(many, "/v1/data-sets/"+set+"/revisions", func(int) string { return `{"Comment":"` + wide + `"}` })
	revision := h.field("Id", must(http.MethodPost, "/v1/data-sets/"+set+"/revisions", `{}`))
	memory.Make("source")
	var sources []string
	for i := range 100 {
		key := fmt.Sprintf("%03d", i) + strings.Repeat("\x01", 1021)
		if _, err := memory.Put(h.t.Context(), &buckets.Put{Bucket: "source", Key: key, Source: buckets.Bytes("x"), Size: 1}); err != nil {
			h.t.Fatal(err)
		}
		quoted, _ := json.Marshal(key)
		sources = append(sources, `{"Bucket":"source","Key":`+string(quoted)+`}`)
	}
	order := `{"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"` + set + `","RevisionId":"` + revision + `","AssetSources":[` + strings.Join(sources, ",") + `]}}}`
	each(many/5, "/v1/jobs", func(int) string { return order })
	job := h.field("Id", must(http.MethodPost, "/v1/jobs", order))
	must(http.MethodPatch, "/v1/jobs/"+job, "")
	for began := time.Now(); !strings.Contains(must(http.MethodGet, "/v1/jobs/"+job, ""), `"COMPLETED"`); {
		if time.Since(began) > deadline {
			h.t.Fatal("a job does not end")
		}
	}
	pattern := "${Asset.Id}" + strings.Repeat(`\u0001`, 1000)
	action := func(int) string {
		return `{"Action":{"ExportRevisionToS3":{"RevisionDestination":{"Bucket":"source","KeyPattern":"` + pattern + `"}}},"Event":{"RevisionPublished":{"DataSetId":"` + set + `"}}}`
	}
	each(many-1, "/v1/event-actions", action)
	event := h.field("Id", must(http.MethodPost, "/v1/event-actions", action(0)))
	assets := must(http.MethodGet, "/v1/data-sets/"+set+"/revisions/"+revision+"/assets", "")
	asset := h.field("Id", "{"+assets[strings.Index(assets, `"Id":`):strings.Index(assets, `,"Name":`)]+"}")
	// A data set of each account, granted to the other one.
	grants := func(receiver string) (grant string) {
		of := h.field("Id", must(http.MethodPost, "/v1/data-sets", `{"Name":"n","Description":"`+wide+`","AssetType":"S3_SNAPSHOT"}`))
		draft := h.field("Id", must(http.MethodPost, "/v1/data-sets/"+of+"/revisions", `{}`))
		job := h.field("Id", must(http.MethodPost, "/v1/jobs", `{"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"`+of+`","RevisionId":"`+draft+`","AssetSources":[`+sources[0]+`]}}}`))
		must(http.MethodPatch, "/v1/jobs/"+job, "")
		for began := time.Now(); h.ask(call(http.MethodPatch, "/v1/data-sets/"+of+"/revisions/"+draft, `{"Finalized":true}`)).status != http.StatusOK; {
			if time.Since(began) > deadline {
				h.t.Fatal("an import does not end")
			}
		}
		body := func(int) string {
			return `{"Name":"` + strings.Repeat(`\u0001`, 256) + `","Description":"` + wide + `","GrantDistributionScope":"NONE","ReceiverPrincipal":"` + receiver + `","SourceDataSetId":"` + of + `"}`
		}
		each(many-1, "/v1/data-grants", body)
		return h.field("Arn", must(http.MethodPost, "/v1/data-grants", body(0)))
	}
	given := grants(other)
	key = there
	received := grants(defaults.Account)
	key = h.root
	for next := ""; ; {
		var page struct {
			DataGrantSummaries []struct{ ARN string }
			NextToken          string
		}
		if err := json.Unmarshal([]byte(must(http.MethodGet, "/v1/received-data-grants?maxResults=200"+next, "")), &page); err != nil {
			h.t.Fatal(err)
		}
		for _, g := range page.DataGrantSummaries {
			must(http.MethodPost, "/v1/data-grants/"+url.PathEscape(g.ARN)+"/accept", "")
		}
		if page.NextToken == "" {
			break
		}
		next = "&nextToken=" + url.QueryEscape(page.NextToken)
	}
	replace := strings.NewReplacer("{DataSetId}", set, "{RevisionId}", revision, "{AssetId}", asset, "{JobId}", job, "{EventActionId}", event,
		"{DataGrantId}", url.PathEscape(given), "{DataGrantArn}", url.PathEscape(received), "{ResourceArn}", url.PathEscape("arn:aws:dataexchange:"+defaults.Region+":"+defaults.Account+":data-sets/"+set))
	return func(op *operation.Operation, next string) *knock {
		path := replace.Replace(op.URI)
		if strings.HasPrefix(op.Name, "List") && !strings.Contains(op.Name, "Tags") {
			path += "?maxResults=200"
			if next != "" {
				path += "&nextToken=" + url.QueryEscape(next)
			}
		}
		return call(op.Method, path, "")
	}
}

// nextToken is the member by which Step Functions takes the token of the next page.
func nextToken(next string) string {
	if next == "" {
		return ""
	}
	return `,"nextToken":"` + next + `"`
}

// keyIDIn is the id of the key that was made.
func keyIDIn(answer string) string {
	_, rest, _ := strings.Cut(answer, `"KeyId":"`)
	id, _, _ := strings.Cut(rest, `"`)
	return id
}

// nothingThere are actions about what is not there.
var nothingThere = map[string]bool{"DescribeEventTarget": true, "GetLoginProfile": true, "GetSessionToken": true}

// itemsOf counts what an answer lists, and gives the token of the next page.
func itemsOf(answer, of string) (items int, next string) {
	if of == "iam" || of == "sts" {
		_, rest, _ := strings.Cut(answer, "<Marker>")
		next, _, _ = strings.Cut(rest, "<")
		if n := strings.Count(answer, "<EvalDecision>"); n > 0 { // their statements are members, too
			return n, next
		}
		return strings.Count(answer, "<member>"), next
	}
	var all map[string]any
	_ = json.Unmarshal([]byte(answer), &all)
	for _, v := range all {
		if list, ok := v.([]any); ok {
			items += len(list)
		}
	}
	next, _ = all[map[string]string{"swf": "nextPageToken", "kms": "NextMarker", "events": "NextToken", "states": "nextToken", "dataexchange": "NextToken"}[of]].(string)
	return items, next
}

func marker(next string) string {
	if next == "" {
		return ""
	}
	return `,"Marker":"` + next + `"`
}

// itemsWanted is how many items the lists that may be long have.
func itemsWanted(action string, many, signals int, l account.Limits) (n int, known bool) {
	n, known = map[string]int{
		"ListDomains": many, "ListWorkflowTypes": many, "ListActivityTypes": many,
		"ListOpenWorkflowExecutions": many + 1, "ListClosedWorkflowExecutions": many,
		"GetWorkflowExecutionHistory": signals + 2, "PollForDecisionTask": signals + 3,
		"ListUsers": many, "ListGroups": many, "ListRoles": many, "GetGroup": many,
		"ListPolicyVersions": l.VersionsPerPolicyMax, "ListGroupsForUser": l.GroupsPerUserMax,
		"ListEntitiesForPolicy": many + 2,
		"ListKeys":              many + 1, "ListGrants": many, "ListRetirableGrants": many, "ListAliases": keyring.DefaultLimits().AliasesPerKeyMax,
		"ListConnections": many,
		"ListDataSets":    many + 2 + many, "ListDataGrants": many, "ListReceivedDataGrants": many, "ListDataSetRevisions": many + 1, "ListJobs": many/5 + 2, "ListEventActions": many, "ListRevisionAssets": 100,
		"ListKeyRotations": keyring.DefaultLimits().OnDemandMax, "ListResourceTags": keyring.DefaultLimits().TagsMax,
	}[action]
	return n, known
}
