package server

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"heddle/internal/aws/credentials"
	buckets "heddle/internal/bucket"
	"heddle/internal/dataexchange"
	dxwire "heddle/internal/dataexchange/wire"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// roleIn is the ARN of a role of an account.
func roleIn(account, name string) string { return "arn:aws:iam::" + account + ":role/" + name }

// assumeIn is a call that assumes a role of any account.
func (a *twoAccounts) assumeIn(key aws.Credentials, account, role string, more ...string) *knock {
	return a.iam(key, "AssumeRole", append([]string{"RoleArn", roleIn(account, role), "RoleSessionName", "test"}, more...)...)
}

// in is the harness of an account's root user.
func (a *twoAccounts) in(account string) *harness {
	if account == other {
		return &harness{a.t, a.Server, a.there}
	}
	return a.harness
}

// TestAssumeAcrossAccounts: a role of another account is assumed if its trust policy and the
// caller's own policies say so, and not otherwise.
func TestAssumeAcrossAccounts(t *testing.T) {
	a := newAccounts(t)
	there := a.in(other)
	with := func(principal, condition string) string {
		return `{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession"],"Principal":{"AWS":"` + principal + `"},"Condition":` + condition + `}`
	}
	people := map[string]aws.Credentials{
		"root": a.there,
		"may":  there.user("may", allow("sts:*", roleIn(defaults.Account, "*"))),
		"none": there.user("none"),
		"all":  there.user("all", everything),
		"deny": there.user("deny", everything, `{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"`+roleIn(defaults.Account, "by-*")+`"}`),
		"own":  there.user("own", allow("sts:AssumeRole", roleIn(other, "*"))),
	}
	user := func(name string) string { return "arn:aws:iam::" + other + ":user/" + name }
	for _, c := range []struct {
		role, trust string
		more        []string
		may         string // who may assume it
	}{
		{"by-root", trusts("arn:aws:iam::" + other + ":root"), nil, "root may all"},
		{"by-account", trusts(other), nil, "root may all"},
		{"by-anybody", trusts("*"), nil, "root may all"},
		{"by-user", trusts(user("may")), nil, "may"},
		{"by-user-without-policy", trusts(user("none")), nil, ""},
		{"by-user-denied", trusts(user("deny")), nil, ""},
		{"by-nobody", trusts(user("nobody")), nil, ""},
		{"by-another", trusts("arn:aws:iam::999999999999:root"), nil, ""},
		{"by-own", trusts(defaults.Account), nil, ""},
		{"by-root-but", trusts(other) + `,{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"AWS":"` + user("may") + `"}}`, nil, "root all"},
		{"by-id", with(other, `{"StringEquals":{"sts:ExternalId":"secret"}}`), []string{"ExternalId", "secret"}, "root may all"},
		{"by-wrong-id", with(other, `{"StringEquals":{"sts:ExternalId":"secret"}}`), []string{"ExternalId", "guess"}, ""},
		{"by-no-id", with(other, `{"StringEquals":{"sts:ExternalId":"secret"}}`), nil, ""},
		{"by-principal-account", with("*", `{"StringEquals":{"aws:PrincipalAccount":"`+other+`"}}`), nil, "root may all"},
		{"by-principal-account-not", with("*", `{"StringNotEquals":{"aws:PrincipalAccount":"`+other+`"}}`), nil, ""},
		{"by-source-account", with("*", `{"StringEquals":{"aws:SourceAccount":"`+other+`"}}`), nil, ""},
		{"by-organisation", with("*", `{"StringLike":{"aws:PrincipalOrgID":"*"}}`), nil, ""},
		{"by-name", with("*", `{"ArnLike":{"aws:PrincipalArn":"`+user("m*")+`"}}`), nil, "may"},
		{"by-tags", with(other, `{"StringEquals":{"aws:RequestTag/team":"x"}}`), []string{"Tags.member.1.Key", "team", "Tags.member.1.Value", "x"}, "root may all"},
	} {
		a.role(c.role, c.trust, everything)
		for name, key := range people {
			want := accessDenied
			if strings.Contains(" "+c.may+" ", " "+name+" ") {
				want = ""
			}
			got := a.ask(a.assumeIn(key, defaults.Account, c.role, c.more...))
			if got.fault != want {
				t.Errorf("%s assumes %s: %d %s", name, c.role, got.status, got.text)
			}
			if want != "" {
				absent := a.ask(a.assumeIn(key, defaults.Account, c.role+"x", c.more...))
				same := strings.Replace(absent.text, c.role+"x", c.role, 1)
				if absent.status != got.status || oneOff.ReplaceAllString(same, "") != oneOff.ReplaceAllString(got.text, "") {
					t.Errorf("%s learns whether there is %s:\n%s\n%s", name, c.role, got.text, absent.text)
				}
				continue
			}
			session := keyIn(t, got.text)
			if who := a.must(a.iam(session, "GetCallerIdentity")); !strings.Contains(who, "<Account>"+defaults.Account+"</Account>") || !strings.Contains(who, "arn:aws:sts::"+defaults.Account+":assumed-role/"+c.role+"/test") {
				t.Errorf("%s as %s is %s", name, c.role, who)
			}
			if got := a.must(a.swf(session, "ListDomains", `{"registrationStatus":"REGISTERED"}`)); !strings.Contains(got, ":"+defaults.Account+":/domain/shop") {
				t.Errorf("%s as %s sees %s", name, c.role, got)
			}
		}
	}
}

// TestSessionsEndAcrossAccounts: through a chain of roles of both accounts, all ends with the
// key that was at its beginning.
func TestSessionsEndAcrossAccounts(t *testing.T) {
	for what, end := range map[string]func(there *harness, user aws.Credentials){
		"the key is deleted": func(there *harness, user aws.Credentials) {
			there.must(there.iam(there.root, "DeleteAccessKey", "UserName", "ann", "AccessKeyId", user.AccessKeyID))
		},
		"the key is inactive": func(there *harness, user aws.Credentials) {
			there.must(there.iam(there.root, "UpdateAccessKey", "UserName", "ann", "AccessKeyId", user.AccessKeyID, "Status", "Inactive"))
		},
		"a role on the way is deleted": func(there *harness, _ aws.Credentials) {
			there.must(there.iam(there.root, "DeleteRolePolicy", "RoleName", "back", "PolicyName", "p"))
			there.must(there.iam(there.root, "DeleteRole", "RoleName", "back"))
		},
	} {
		a := newAccounts(t)
		there := a.in(other)
		ann := there.user("ann", everything)
		a.role("first", trusts("arn:aws:iam::"+other+":user/ann"), everything)
		there.role("back", trusts("arn:aws:sts::"+defaults.Account+":assumed-role/first/test"), everything)
		a.role("again", trusts(roleIn(other, "back")), everything)
		first := keyIn(t, a.must(a.assumeIn(ann, defaults.Account, "first")))
		back := keyIn(t, a.must(a.assumeIn(first, other, "back")))
		again := keyIn(t, a.must(a.assumeIn(back, defaults.Account, "again")))
		a.refused(accessDenied, a.assumeIn(first, defaults.Account, "again")) // trusts back, not first
		chain := []aws.Credentials{first, back, again}
		for i, session := range chain {
			if !a.lists(session) {
				t.Fatalf("session %d does not work", i)
			}
		}
		end(there, ann)
		for i, session := range chain {
			want := what == "a role on the way is deleted" && i == 0
			if got := a.lists(session); got != want {
				t.Errorf("%s: session %d works: %v", what, i, got)
			}
		}
	}
}

// TestMachinesActAcrossAccounts: a state machine's role assumes the role of another account
// that a task names, in both directions, if both say so.
func TestMachinesActAcrossAccounts(t *testing.T) {
	a := newAccounts(t)
	for _, c := range [][2]string{{defaults.Account, other}, {other, defaults.Account}} {
		from, to := a.in(c[0]), a.in(c[1])
		function := "arn:aws:lambda:" + defaults.Region + ":" + c[1] + ":function:f"
		from.role("machine", statesTrust, allow("sts:AssumeRole", roleIn(c[1], "*")))
		from.role("narrow", statesTrust, allow("sts:AssumeRole", roleIn(c[0], "*")))
		to.role("open", trusts(roleIn(c[0], "machine"))+`,`+trusts(roleIn(c[0], "narrow")), allow("lambda:InvokeFunction", function))
		from.role("own", statesTrust, everything)
		to.role("poor", trusts(c[0]))
		to.role("shut", trusts(c[1]), everything)
		acting := &authority{harness: from, made: a.made}
		for _, m := range []struct{ machine, target, want string }{
			{"machine", "open", "SUCCEEDED"},
			{"machine", "poor", "FAILED Lambda.AWSLambdaException User: arn:aws:sts::" + c[1] + ":assumed-role/poor/states is not authorized"},
			{"own", "", "FAILED Lambda.AWSLambdaException User: arn:aws:sts::" + c[0] + ":assumed-role/own/states is not authorized to perform: lambda:InvokeFunction on resource: " + function + " because no resource-based policy allows the lambda:InvokeFunction action"},
			{"machine", "shut", "FAILED States.Permissions role " + roleIn(c[1], "shut") + ": arn:aws:sts::" + c[0] + ":assumed-role/machine/states is not authorized to assume the role"},
			{"machine", "none", "FAILED States.Permissions role " + roleIn(c[1], "none") + ": arn:aws:sts::" + c[0] + ":assumed-role/machine/states is not authorized to assume the role"},
			{"narrow", "open", "FAILED States.Permissions role " + roleIn(c[1], "open") + ": arn:aws:sts::" + c[0] + ":assumed-role/narrow/states is not authorized to assume the role"},
		} {
			more := `"Credentials":{"RoleArn":"` + roleIn(c[1], m.target) + `"},`
			if m.target == "" {
				more = ""
			}
			definition := `{"StartAt":"T","States":{"T":{"Type":"Task","Resource":"` + function + `",` + more + `"End":true}}}`
			body, err := json.Marshal(map[string]string{"name": acting.name("m"), "roleArn": roleIn(c[0], m.machine), "definition": definition})
			if err != nil {
				t.Fatal(err)
			}
			machine := a.field("stateMachineArn", a.must(a.states(from.root, "CreateStateMachine", string(body))))
			if got := acting.runs(machine); !strings.HasPrefix(got, m.want) {
				t.Errorf("from %s, %s to %s: %s\nwant %s", c[0], m.machine, m.target, got, m.want)
			}
		}
	}
}

// TestKeysAcrossAccounts: a key of another account is used if its policy or a grant and the
// caller's own policies say so.
func TestKeysAcrossAccounts(t *testing.T) {
	a := newAccounts(t)
	there := a.in(other)
	quoted := func(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
	owner := `{"Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"kms:*","Resource":"*"}`
	may, none := a.user("may", allow("kms:*", "*")), a.user("none")
	made := func(statements string) string {
		return keyIDIn(there.must(there.kms(a.there, "CreateKey", `{"Policy":"`+quoted(policyOf(owner+statements))+`"}`)))
	}
	arn := func(id string) string { return "arn:aws:kms:" + defaults.Region + ":" + other + ":key/" + id }
	uses := `"Action":["kms:Encrypt","kms:Decrypt","kms:DescribeKey","kms:ReEncrypt*","kms:GenerateDataKey*"],"Resource":"*"`
	keys := map[string]string{
		"account": made(`,{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + defaults.Account + `:root"},` + uses + `}`),
		"user":    made(`,{"Effect":"Allow","Principal":{"AWS":"` + userARN("may") + `"},` + uses + `}`),
		"without": made(`,{"Effect":"Allow","Principal":{"AWS":"` + userARN("none") + `"},` + uses + `}`),
		"caller":  made(`,{"Effect":"Allow","Principal":"*",` + uses + `,"Condition":{"StringEquals":{"kms:CallerAccount":"` + defaults.Account + `"}}}`),
		"denied":  made(`,{"Effect":"Allow","Principal":"*",` + uses + `},{"Effect":"Deny","Principal":{"AWS":"` + userARN("may") + `"},"Action":"kms:*","Resource":"*"}`),
		"granted": made(``),
		"closed":  made(``),
	}
	there.must(there.kms(a.there, "CreateGrant", `{"KeyId":"`+keys["granted"]+`","GranteePrincipal":"`+userARN("may")+`","Operations":["Encrypt","Decrypt","DescribeKey","ReEncryptFrom","ReEncryptTo","GenerateDataKey"]}`))
	mine := keyIDIn(a.must(a.kms(a.root, "CreateKey", `{}`)))
	for name, id := range keys {
		for who, key := range map[string]aws.Credentials{"may": may, "none": none, "root": a.root} {
			want := accessDenied + "Exception"
			switch {
			case who == "root" && (name == "account" || name == "caller" || name == "denied"), who == "may" && (name == "account" || name == "user" || name == "caller" || name == "granted"):
				want = ""
			}
			got := a.ask(a.kms(key, "Encrypt", `{"KeyId":"`+arn(id)+`","Plaintext":"c2VjcmV0"}`))
			if got.fault != want {
				t.Errorf("%s with the key %s: %d %s", who, name, got.status, got.text)
			}
			if got.fault != "" {
				continue
			}
			blob := a.field("CiphertextBlob", got.text)
			for action, body := range map[string]string{
				"Decrypt":         `{"KeyId":"ARN","CiphertextBlob":"BLOB"}`,
				"DescribeKey":     `{"KeyId":"ARN"}`,
				"GenerateDataKey": `{"KeyId":"ARN","KeySpec":"AES_256"}`,
				"ReEncrypt":       `{"SourceKeyId":"ARN","CiphertextBlob":"BLOB","DestinationKeyId":"` + mine + `"}`,
			} {
				// All at once: a blob may have the letters ARN.
				text := a.ask(a.kms(key, action, strings.NewReplacer("ARN", arn(id), "BLOB", blob).Replace(body)))
				if text.fault != "" || !strings.Contains(text.text, arn(id)) {
					t.Errorf("%s with the key %s, %s: %s", who, name, action, text.text)
				}
			}
			// What its policy does not allow, and what is for its account alone.
			for action, body := range map[string]string{"GetKeyRotationStatus": `{"KeyId":"ARN"}`, "DisableKey": `{"KeyId":"ARN"}`, "PutKeyPolicy": `{"KeyId":"ARN","Policy":"{}"}`} {
				a.refused(accessDenied+"Exception", a.kms(key, action, strings.ReplaceAll(body, "ARN", arn(id))))
			}
			if got := there.must(there.kms(a.there, "Decrypt", `{"CiphertextBlob":"`+blob+`"}`)); !strings.Contains(got, "c2VjcmV0") {
				t.Errorf("its own account reads %s", got)
			}
		}
	}
}

// TestMachinesWithKeysOfAnotherAccount: a state machine may have a key of another account, if
// that lets its maker and its role use it; what the key's account takes away ends it.
func TestMachinesWithKeysOfAnotherAccount(t *testing.T) {
	a := newAccounts(t)
	there := a.in(other)
	quoted := func(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
	owner := `{"Effect":"Allow","Principal":{"AWS":"` + other + `"},"Action":"kms:*","Resource":"*"}`
	open := policyOf(owner, `{"Effect":"Allow","Principal":{"AWS":"`+defaults.Account+`"},"Action":["kms:Decrypt","kms:DescribeKey","kms:GenerateDataKey"],"Resource":"*"}`)
	id := keyIDIn(there.must(there.kms(a.there, "CreateKey", `{"Policy":"`+quoted(open)+`"}`)))
	key := "arn:aws:kms:" + defaults.Region + ":" + other + ":key/" + id
	a.role("machine", statesTrust, allow("kms:*", "*"))
	create := func(name string) *knock {
		return a.states(a.root, "CreateStateMachine", `{"name":"`+name+`","roleArn":"`+roleIn(defaults.Account, "machine")+`","definition":"{\"StartAt\":\"P\",\"States\":{\"P\":{\"Type\":\"Pass\",\"End\":true}}}","encryptionConfiguration":{"type":"CUSTOMER_MANAGED_KMS_KEY","kmsKeyId":"`+key+`","kmsDataKeyReusePeriodSeconds":60}}`)
	}
	machine := a.field("stateMachineArn", a.must(create("keyed")))
	if got := a.runs(machine); got != "SUCCEEDED" {
		t.Error(got)
	}
	there.must(there.kms(a.there, "PutKeyPolicy", `{"KeyId":"`+id+`","Policy":"`+quoted(policyOf(owner))+`"}`))
	if got := a.ask(create("late")); !strings.HasPrefix(got.fault, "KmsAccessDenied") {
		t.Errorf("%d %s", got.status, got.text)
	}
}

// TestAuditOfAccounts: each account has records of its own, in files of its own; a role that
// is assumed across two is recorded in both.
func TestAuditOfAccounts(t *testing.T) {
	cfg := Config{Listen: "127.0.0.1:0", Data: t.TempDir(), PollHold: time.Second, Accounts: []string{other}, Sealing: SealingOff, Audit: Audit{FileMB: 1, Keep: 2}}
	s := start(t, cfg)
	a := &twoAccounts{&authority{harness: &harness{t, s, rootKey(t, cfg.Data)}}, rootKeyOf(t, cfg.Data, other)}
	there := a.in(other)
	ann := there.user("ann", everything)
	a.role("shared", trusts(other), everything)
	session := keyIn(t, a.must(a.assumeIn(ann, defaults.Account, "shared")))
	a.refused(accessDenied, a.assumeIn(ann, defaults.Account, "absent"))
	a.must(a.iam(session, "CreateUser", "UserName", "made"))
	a.must(a.states(a.root, "DeleteActivity", `{"activityArn":"arn:aws:states:`+defaults.Region+`:`+other+`:activity:x"}`)) // which touches nothing there
	a.must(a.swf(a.root, "RegisterDomain", `{"name":"first","workflowExecutionRetentionPeriodInDays":"1"}`))
	there.must(there.swf(a.there, "RegisterDomain", `{"name":"evidence","workflowExecutionRetentionPeriodInDays":"1"}`))
	there.must(there.swf(a.there, "DescribeDomain", `{"name":"evidence"}`))
	// A flood of the default account's calls, more than its files hold.
	agent := strings.Repeat("x", 1000)
	a.must(a.swf(a.root, "DescribeDomain", `{"name":"first"}`))
	for range 2500 {
		k := a.swf(a.root, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		k.header.Set("User-Agent", agent)
		a.must(k)
	}
	a.refused("UnrecognizedClientException", a.swf(aws.Credentials{AccessKeyID: "AKIADHPWNEHFSTRANGER", SecretAccessKey: "x"}, "ListDomains", `{"registrationStatus":"REGISTERED"}`))
	closeServer(t, s)
	files, err := filepath.Glob(filepath.Join(AuditDir(cfg.Data), "audit-"+other+"-*"))
	if err != nil || len(files) != 3 {
		t.Errorf("files of an account: %v, %v", files, err)
	}
	read := func(account string) (records []auditRecord, text string) {
		var b bytes.Buffer
		if err := ReadAudit(t.Context(), AuditReading{Data: cfg.Data, Account: account, Log: slog.New(slog.DiscardHandler), Wrong: func(err error) { t.Error(err) }}, &b); err != nil {
			t.Fatal(err)
		}
		return recordsOf(t, b.String()), b.String()
	}
	all, _ := read("")
	counted := 0
	shared := map[string]string{} // ids by account
	for _, account := range []string{defaults.Account, other} {
		records, text := read(account)
		counted += len(records)
		for i, r := range records {
			if r.RecipientAccountID != account {
				t.Errorf("among those of %s: %+v", account, r)
			}
			line := strings.Split(text, "\n")[i]
			if r.EventName == "AssumeRole" {
				want := "IAMUser"
				if account == defaults.Account {
					want = "AWSAccount"
				}
				if r.UserIdentity.Type != want || r.UserIdentity.AccountID != other || account == defaults.Account && (r.UserIdentity.ARN != "" || r.UserIdentity.AccessKeyID != "" || r.ErrorCode != "") {
					t.Errorf("%s has of a role that was assumed: %s", account, line)
				}
				if r.ErrorCode == "" {
					var more struct{ SharedEventID string }
					if err := json.Unmarshal([]byte(line), &more); err != nil {
						t.Fatal(err)
					}
					shared[account] = more.SharedEventID
					if !strings.Contains(line, `"accountId":"`+defaults.Account+`","type":"AWS::IAM::Role"`) {
						t.Errorf("whose the role is: %s", line)
					}
				}
			}
		}
		if has := strings.Contains(text, "evidence"); has != (account == other) {
			t.Errorf("%s has the other's domain: %v", account, has)
		}
		if has := strings.Contains(text, "AKIADHPWNEHFSTRANGER"); has != (account == defaults.Account) {
			t.Errorf("%s has what nobody known did: %v", account, has)
		}
		if has := strings.Contains(text, `"DescribeDomain"`); has != (account == other) {
			t.Errorf("after the flood %s has of its first calls: %v", account, has)
		}
		if has := strings.Contains(text, `"DeleteActivity"`); has != (account == defaults.Account) {
			t.Errorf("%s has what was done in another: %v", account, has)
		}
		if has := strings.Contains(text, `"userName":"made"`); has != (account == defaults.Account) {
			t.Errorf("%s has what the session did: %v", account, has)
		}
	}
	if counted != len(all) || shared[other] == "" || shared[other] != shared[defaults.Account] {
		t.Errorf("%d records of %d; shared ids %v", counted, len(all), shared)
	}
	if err := ReadAudit(t.Context(), AuditReading{Data: cfg.Data, Account: "12"}, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), "12 digits") {
		t.Error(err)
	}
	if entries, err := os.ReadDir(AuditDir(cfg.Data)); err != nil || len(entries) < 6 {
		t.Error(len(entries), err)
	}
}

// TestThrottledByAccount: budgets of every service are an account's own.
func TestThrottledByAccount(t *testing.T) {
	a := newAuthorityWith(t, func(c *Config) {
		c.Accounts, c.Throttle = []string{other}, ThrottleAWS
		c.ThrottleRates = []string{"ListUsers=1/1", "GetCallerIdentity=1/1", "ListKeys=1/1", "ListActivities=1/1", "ListDomains=1/1", "ListDataSets=1/1"}
	})
	there := rootKeyOf(t, a.cfg.Data, other)
	for what, knock := range map[string]func(key aws.Credentials) *knock{
		"iam":    func(key aws.Credentials) *knock { return a.iam(key, "ListUsers") },
		"sts":    func(key aws.Credentials) *knock { return a.iam(key, "GetCallerIdentity") },
		"kms":    func(key aws.Credentials) *knock { return a.kms(key, "ListKeys", `{}`) },
		"states": func(key aws.Credentials) *knock { return a.states(key, "ListActivities", `{}`) },
		"swf": func(key aws.Credentials) *knock {
			return a.swf(key, "ListDomains", `{"registrationStatus":"REGISTERED"}`)
		},
		"dataexchange": func(key aws.Credentials) *knock {
			return &knock{key: key, service: "dataexchange", region: defaults.Region, at: time.Now(), method: http.MethodGet, path: "/v1/data-sets", header: http.Header{}}
		},
	} {
		refused := false
		for range 50 {
			got := a.ask(knock(a.root))
			refused = refused || strings.HasPrefix(got.fault, "Throttling") || got.status == http.StatusTooManyRequests // which REST says in a header
		}
		if !refused {
			t.Errorf("%s: nothing is throttled", what)
		}
		if got := a.ask(knock(there)); got.fault != "" {
			t.Errorf("%s: another account is throttled: %s", what, got.text)
		}
	}
}

// exchanged is what an account has of Data Exchange, or would have.
type exchanged struct{ set, revision, asset, job, action, grant, owner string }

// absent is the same with ids that nothing has.
func (e exchanged) absent() exchanged {
	for _, id := range []*string{&e.set, &e.revision, &e.asset, &e.job, &e.action, &e.grant} {
		if n := len(*id); n > 0 {
			*id = (*id)[:n-6] + "abcdef"
		}
	}
	return e
}

// exchangeBodies are what operations take beside their paths, with what those name.
var exchangeBodies = map[string]string{
	"CreateDataGrant":         `{"Name":"g","GrantDistributionScope":"NONE","ReceiverPrincipal":"` + third + `","SourceDataSetId":"{DataSetId}"}`,
	"CreateDataSet":           "",
	"CreateEventAction":       `{"Action":{"ExportRevisionToS3":{"RevisionDestination":{"Bucket":"mine"}}},"Event":{"RevisionPublished":{"DataSetId":"{DataSetId}"}}}`,
	"CreateJob":               `{"Type":"EXPORT_ASSETS_TO_S3","Details":{"ExportAssetsToS3":{"DataSetId":"{DataSetId}","RevisionId":"{RevisionId}","AssetDestinations":[{"AssetId":"{AssetId}","Bucket":"mine"}]}}}`,
	"CreateRevision":          `{}`,
	"RevokeRevision":          `{"RevocationComment":"all of it is wrong"}`,
	"SendApiAsset":            "",
	"SendDataSetNotification": `{"Type":"DATA_DELAY"}`,
	"TagResource":             `{"tags":{"k":"mine"}}`,
	"UpdateAsset":             `{"Name":"mine"}`,
	"UpdateDataSet":           `{"Name":"mine"}`,
	"UpdateEventAction":       `{"Action":{"ExportRevisionToS3":{"RevisionDestination":{"Bucket":"mine"}}}}`,
	"UpdateRevision":          `{"Comment":"mine","Finalized":false}`,
}

// exchangeQueries are what operations take in their queries.
var exchangeQueries = map[string][]string{
	"ListJobs":         {"", "?dataSetId={DataSetId}", "?revisionId={RevisionId}", "?dataSetId={DataSetId}&revisionId={RevisionId}"},
	"ListEventActions": {"", "?eventSourceId={DataSetId}"},
	"UntagResource":    {"?tagKeys=k"},
}

// asks are the calls of an operation about what somebody has.
func (e exchanged) asks(op *dxwire.Operation) (calls [][2]string) {
	arn := "arn:aws:dataexchange:" + defaults.Region + ":" + e.owner + ":"
	grant := arn + "data-grants/" + e.grant
	set := arn + "data-sets/" + e.set
	queries := exchangeQueries[op.Name]
	if queries == nil {
		queries = []string{""}
	}
	names := strings.NewReplacer("{DataSetId}", e.set, "{RevisionId}", e.revision, "{AssetId}", e.asset, "{JobId}", e.job, "{EventActionId}", e.action, "{DataGrantArn}", url.PathEscape(grant))
	for _, query := range queries {
		for _, resource := range []string{grant, set, set + "/revisions/" + e.revision, set + "/revisions/" + e.revision + "/assets/" + e.asset, arn + "event-actions/" + e.action} {
			for _, id := range []string{e.grant, url.PathEscape(grant)} {
				path := strings.NewReplacer("{ResourceArn}", url.PathEscape(resource), "{DataGrantId}", id).Replace(op.URI + query)
				call := [2]string{names.Replace(path), names.Replace(exchangeBodies[op.Name])}
				if !slices.Contains(calls, call) {
					calls = append(calls, call)
				}
			}
		}
	}
	return calls
}

// third is an account beside the default and the other one.
const third = "444455556666"

// TestExchangeOfAnotherAccount asks every operation of Data Exchange about what other accounts
// have: a provider, and the receiver of a grant, who have all that there is. The answer is
// that of what does not exist, and nothing is done to it. So it is between these two, but for
// what the grant shows.
func TestExchangeOfAnotherAccount(t *testing.T) {
	memory := &buckets.Memory{}
	memory.Make("mine")
	a := newAuthorityWith(t, func(c *Config) {
		c.Accounts = []string{other, third}
		c.buckets = func(string) buckets.Store { return memory }
		c.Services = Services()
		for _, s := range c.Services {
			if o, ours := s.Options.(*dataexchange.Options); ours {
				o.OwnedEventActions = true
			}
		}
	})
	roots, _, err := credentials.LoadOrCreate(CredentialsFile(a.cfg.Data), []string{defaults.Account, other, third}, nil)
	if err != nil {
		t.Fatal(err)
	}
	root := func(i int) aws.Credentials {
		return aws.Credentials{AccessKeyID: roots[i].KeyID, SecretAccessKey: string(roots[i].Secret)}
	}
	provider, receiver := root(1), root(2)
	if _, err := memory.Put(t.Context(), &buckets.Put{Bucket: "mine", Key: "object", Source: buckets.Bytes("x"), Size: 1}); err != nil {
		t.Fatal(err)
	}
	must := func(key aws.Credentials, method, path, body string) string {
		t.Helper()
		status, _, answer := a.talk(a.exchange(key, method, path, body))
		if status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
		return answer
	}
	made := func(key aws.Credentials, path, body string) string {
		t.Helper()
		return a.field("Id", must(key, http.MethodPost, path, body))
	}
	action := func(key aws.Credentials, set string) string {
		return made(key, "/v1/event-actions", `{"Action":{"ExportRevisionToS3":{"RevisionDestination":{"Bucket":"mine"}}},"Event":{"RevisionPublished":{"DataSetId":"`+set+`"}},"Tags":{"k":"v"}}`)
	}
	first := func(key aws.Credentials, path string) string {
		_, rest, _ := strings.Cut(must(key, http.MethodGet, path, ""), `"Id":"`)
		id, _, _ := strings.Cut(rest, `"`)
		return id
	}
	theirs := exchanged{owner: other}
	theirs.set = made(provider, "/v1/data-sets", `{"Name":"n","Description":"d","AssetType":"S3_SNAPSHOT","Tags":{"k":"v"}}`)
	theirs.revision = made(provider, "/v1/data-sets/"+theirs.set+"/revisions", `{"Comment":"c","Tags":{"k":"v"}}`)
	theirs.job = made(provider, "/v1/jobs", `{"Type":"IMPORT_ASSETS_FROM_S3","Details":{"ImportAssetsFromS3":{"DataSetId":"`+theirs.set+`","RevisionId":"`+theirs.revision+`","AssetSources":[{"Bucket":"mine","Key":"object"}]}}}`)
	must(provider, http.MethodPatch, "/v1/jobs/"+theirs.job, "")
	for began := time.Now(); !strings.Contains(must(provider, http.MethodGet, "/v1/jobs/"+theirs.job, ""), "COMPLETED"); {
		if time.Since(began) > deadline {
			t.Fatal("an import does not end")
		}
	}
	theirs.asset = first(provider, "/v1/data-sets/"+theirs.set+"/revisions/"+theirs.revision+"/assets")
	for began := time.Now(); ; { // the import is over when its account knows
		status, _, answer := a.talk(a.exchange(provider, http.MethodPatch, "/v1/data-sets/"+theirs.set+"/revisions/"+theirs.revision, `{"Finalized":true}`))
		if status == http.StatusOK {
			break
		}
		if time.Since(began) > deadline {
			t.Fatal(answer)
		}
	}
	theirs.action = action(provider, theirs.set)
	grant := `{"Name":"g","GrantDistributionScope":"NONE","ReceiverPrincipal":"` + third + `","SourceDataSetId":"` + theirs.set + `","Tags":{"k":"v"}}`
	answer := must(provider, http.MethodPost, "/v1/data-grants", grant)
	theirs.grant = a.field("Id", answer)
	shown := exchanged{owner: other, grant: theirs.grant, set: a.field("DataSetId", answer)}
	must(receiver, http.MethodPost, "/v1/data-grants/"+url.PathEscape(a.field("Arn", answer))+"/accept", "")
	shown.revision = first(receiver, "/v1/data-sets/"+shown.set+"/revisions")
	shown.asset = first(receiver, "/v1/data-sets/"+shown.set+"/revisions/"+shown.revision+"/assets")
	shown.action = action(receiver, shown.set)
	shown.job = made(receiver, "/v1/jobs", `{"Type":"EXPORT_ASSETS_TO_S3","Details":{"ExportAssetsToS3":{"DataSetId":"`+shown.set+`","RevisionId":"`+shown.revision+`","AssetDestinations":[{"AssetId":"`+shown.asset+`","Bucket":"mine","Key":"k"}]}}}`)
	shown.owner = third
	pending := theirs // one that is not accepted, and what it shows
	answer = must(provider, http.MethodPost, "/v1/data-grants", grant)
	pending.grant, pending.set = a.field("Id", answer), a.field("DataSetId", answer)

	state := func() (all string) {
		for _, ask := range []struct {
			key   aws.Credentials
			paths []string
		}{
			{provider, []string{"/v1/data-sets", "/v1/data-sets/" + theirs.set, "/v1/data-sets/" + theirs.set + "/revisions", "/v1/data-sets/" + theirs.set + "/revisions/" + theirs.revision + "/assets/" + theirs.asset,
				"/v1/jobs", "/v1/event-actions", "/v1/data-grants", "/v1/data-grants/" + theirs.grant, "/v1/event-actions/" + theirs.action}},
			{receiver, []string{"/v1/data-sets", "/v1/data-sets/" + shown.set + "/revisions", "/v1/jobs", "/v1/event-actions", "/v1/received-data-grants"}},
		} {
			for _, path := range ask.paths {
				all += must(ask.key, http.MethodGet, path, "") + "\n"
			}
		}
		return all
	}
	before := state()
	mine := func(h *harness) []aws.Credentials {
		return []aws.Credentials{h.root, h.user("everybody", everything), h.user("tagged", `{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"StringEqualsIfExists":{"aws:ResourceTag/k":"v"}}}`,
			`{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/k":"v"}}}`)}
	}
	strangers := mine(a.harness)
	for _, c := range []struct {
		who    string
		keys   []aws.Credentials
		what   exchanged
		except string // what the grant shows of it
	}{
		{"a stranger of a provider's", strangers, theirs, ""},
		{"a stranger of a receiver's", strangers, shown, ""},
		{"a stranger of what is pending", []aws.Credentials{a.root}, pending, ""},
		{"the receiver of the provider's", mine(&harness{t, a.Server, receiver}), theirs, "AcceptDataGrant GetReceivedDataGrant ListReceivedDataGrants ListDataSets"},
		{"the provider of the receiver's", []aws.Credentials{provider}, exchanged{shown.absent().set, shown.absent().revision, shown.absent().asset, shown.job, shown.action, shown.absent().grant, third}, ""},
	} {
		none := c.what.absent()
		plain := func(e exchanged, text string) string {
			for _, id := range []string{e.set, e.revision, e.asset, e.job, e.action, e.grant} {
				text = strings.ReplaceAll(text, id, "@")
			}
			return text
		}
		for i := range dxwire.Operations {
			op := &dxwire.Operations[i]
			if strings.Contains(c.except, op.Name) {
				continue
			}
			there, gone := c.what.asks(op), none.asks(op)
			for n := range there {
				for _, key := range c.keys {
					status, _, got := a.talk(a.exchange(key, op.Method, there[n][0], there[n][1]))
					wantStatus, _, want := a.talk(a.exchange(key, op.Method, gone[n][0], gone[n][1]))
					if status != wantStatus || plain(c.what, got) != plain(none, want) {
						t.Errorf("%s: %s %s\nof what is there: %d %.300s\n     and is not: %d %.300s", c.who, op.Name, there[n][0], status, got, wantStatus, want)
					}
					if status < 300 && !strings.HasPrefix(op.Name, "List") {
						t.Errorf("%s: %s %s: %d %s", c.who, op.Name, there[n][0], status, got)
					}
				}
			}
		}
	}
	if after := state(); after != before {
		t.Errorf("what is another's has become\n%s\nand was\n%s", after, before)
	}
	for _, path := range []string{"/v1/data-sets", "/v1/data-grants", "/v1/received-data-grants", "/v1/jobs", "/v1/event-actions"} {
		if got := must(a.root, http.MethodGet, path, ""); !strings.HasSuffix(got, "[]}") {
			t.Errorf("a stranger lists %s", got)
		}
	}
}
