package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"heddle/internal/audit"
	"heddle/internal/aws/awsquery"
	"heddle/internal/aws/fault"
	"heddle/internal/aws/operation"
	"heddle/internal/iam/account"
	"heddle/internal/sealing"
	"heddle/internal/service"
)

// Audit says which calls are recorded, and where. The zero value is all calls, in
// files in the data folder if the store is there too.
type Audit struct {
	Files  string `name:"audit" default:"auto" enum:"auto,file,off" env:"HEDDLE_AUDIT" help:"file: a line for each call, in CloudTrail's form, in files in DATA/audit. auto: file, unless --store is memory."`
	Events string `name:"audit-events" default:"all" enum:"all,management" env:"HEDDLE_AUDIT_EVENTS" help:"management: no calls about executions and tasks."`
	Data   bool   `name:"audit-data" env:"HEDDLE_AUDIT_DATA" help:"Record inputs, results, details and the like too. Secrets and tokens never are."`
	FileMB int    `name:"audit-file-mb" default:"100" min:"1" max:"1000000000" env:"HEDDLE_AUDIT_FILE_MB" help:"A file of the trail is not larger; each day begins another."`
	Keep   int    `name:"audit-keep" default:"20" min:"1" max:"1000000000" env:"HEDDLE_AUDIT_KEEP" help:"How many files of each kind (changes, calls, refusals) are kept; those of changes 7 days at least."`

	WebhookURL   string `name:"audit-webhook" env:"HEDDLE_AUDIT_WEBHOOK" placeholder:"URL" help:"Where records are posted in batches, too. HEDDLE_AUDIT_WEBHOOK_TOKEN, if it is set, is sent as a bearer token."`
	WebhookToken string `kong:"-" secret:"HEDDLE_AUDIT_WEBHOOK_TOKEN"`
}

// Values of Audit.Files.
const (
	AuditAuto = "auto" // AuditFile, unless the store is in memory
	AuditFile = "file"
	AuditOff  = "off"
)

// Values of Audit.Events.
const (
	AuditAll        = "all"
	AuditManagement = "management" // no calls about executions and tasks
)

const (
	// auditAgeMax is how old a file of the trail becomes: one a day.
	auditAgeMax = 24 * time.Hour
	// auditChangesAge is how long records of changes are kept at least.
	auditChangesAge = 7 * 24 * time.Hour
	// auditChangesRoom is what the files of changes may have at least, so that a small
	// trail of calls does not soon have changes refused.
	auditChangesRoom = 256 << 20
)

// AuditDir is where a data folder has the files of the trail.
func AuditDir(data string) string { return sealing.TrailDir(data) }

func (a *Audit) webhook() audit.Webhook {
	return audit.Webhook{URL: a.WebhookURL, Token: a.WebhookToken}
}

// AuditReading says which records of a trail are wanted.
type AuditReading struct {
	Data     string
	RootKeys sealing.RootKeys
	Account  string      // only its records; empty: those of all
	Since    time.Time   // only records with this eventTime or a later one
	Until    time.Time   // only records with an earlier one; zero: all
	Follow   bool        // go on with what is recorded meanwhile
	Wrong    func(error) // is told of each place where records were changed, moved or are gone
	Log      *slog.Logger
}

// auditFollowEvery is how soon what is recorded is shown to who follows a trail.
const auditFollowEvery = 200 * time.Millisecond

// ReadAudit writes the records of a trail, a line of JSON for each, while a server
// runs or not.
func ReadAudit(ctx context.Context, cfg AuditReading, out io.Writer) error {
	dir := AuditDir(cfg.Data)
	wrong := 0
	if cfg.Account != "" && !isAccount(cfg.Account) {
		return fmt.Errorf("--account %q: want 12 digits", cfg.Account)
	}
	r := audit.Reader{Dir: dir, Account: cfg.Account, Since: cfg.Since, Until: cfg.Until, Wrong: func(err error) {
		wrong++
		cfg.Wrong(fmt.Errorf("audit trail %q: %w", dir, err))
	}}
	if cfg.Follow {
		r.Wait = func(ctx context.Context) bool {
			select {
			case <-time.After(auditFollowEvery):
				return true
			case <-ctx.Done():
				return false
			}
		}
	}
	var err error
	if r.Key, err = sealing.ReadTrailKey(ctx, cfg.Data, cfg.RootKeys, cfg.Log); err == nil {
		err = r.Read(ctx, out)
	}
	if cfg.Follow && errors.Is(err, context.Canceled) {
		err = nil // that is how it ends
	}
	if err == nil && wrong > 0 {
		err = fmt.Errorf("%d wrong, as said above", wrong)
	}
	if err != nil {
		return fmt.Errorf("read audit trail %q: %w", dir, err)
	}
	return nil
}

// auditor records calls: those of each account in a trail of its own, so that nothing that
// is done in one account takes room from the records of another.
type auditor struct {
	*audit.Trail                            // of the default account, and of calls whose sender is not known
	trails          map[string]*audit.Trail // by account; the default one's too
	account, region string                  // of calls whose sender is not known
	data, all       bool
	services        map[string]audited
}

// audited is a service whose calls are recorded.
type audited struct {
	*service.Service
	members audit.Members
}

// newAuditor is nil if nothing is recorded. A key seals the files. By the clock, once it
// goes, files become old.
func newAuditor(cfg *Config, key *audit.Key, clock *clock) (*auditor, error) {
	a := &cfg.Audit
	c := audit.Config{
		Webhook: a.webhook(), Data: a.Data, Region: cfg.Region, Node: cfg.Cluster.Node,
		Now: time.Now, Within: context.WithTimeout, Random: random[[16]byte], Log: cfg.Log,
	}
	if a.Files == AuditFile {
		c.Files = audit.Files{Dir: AuditDir(cfg.Data), Key: key, BytesMax: int64(a.FileMB) << 20, AgeMax: auditAgeMax, Keep: a.Keep, ChangesAge: auditChangesAge, ChangesRoom: auditChangesRoom,
			Confirmed: func() time.Time { // which is not ahead when time is skipped, either
				confirmed, now := time.UnixMilli(int64(clock.Confirmed())), time.Now()
				if now.Before(confirmed) {
					return now
				}
				return confirmed
			}}
	}
	if c.Files.Dir == "" && c.Webhook.URL == "" {
		return nil, nil
	}
	all := &auditor{
		trails: map[string]*audit.Trail{}, account: cfg.Account, region: cfg.Region,
		data: a.Data, all: a.Events == AuditAll, services: map[string]audited{},
	}
	for _, account := range cfg.accounts() {
		if c.Account = account; account != cfg.Account {
			c.Files.Account = account
		}
		c.Fails = all.fails
		trail, err := audit.Start(c)
		if err != nil {
			return nil, errors.Join(err, all.stop(context.Background()))
		}
		if all.trails[account] = trail; account == cfg.Account {
			all.Trail = trail
		}
	}
	for _, s := range cfg.Services {
		all.services[s.Name] = audited{s, membersOf(s)}
	}
	return all, nil
}

// fails tells whether records of any account can't be written now.
func (a *auditor) fails() bool {
	for _, trail := range a.trails {
		if trail.Failing() {
			return true
		}
	}
	return false
}

// membersOf is what records show of a service's members.
func membersOf(s *service.Service) audit.Members {
	m := &s.Audit.Members
	return audit.NewMembers(m.Shown, m.Free, m.Secret, m.Unshown, m.Maps)
}

// stop ends the trails, if there are any.
func (a *auditor) stop(ctx context.Context) (err error) {
	if a == nil {
		return nil
	}
	for _, trail := range a.trails {
		err = errors.Join(err, trail.Stop(ctx))
	}
	return err
}

// of is the trail of an account; of none, and of one that is not there, the default one's.
func (a *auditor) of(account string) *audit.Trail {
	if trail := a.trails[account]; trail != nil {
		return trail
	}
	return a.Trail
}

// other is the trail of an account of which a caller of another one touches something; nil:
// there is none.
func (a *auditor) other(by string, touched *operation.Resource) *audit.Trail {
	if by == "" || touched.Account == by {
		return nil
	}
	return a.trails[touched.Account]
}

// keep takes room for the record of a call that is to change what was set up, in the trail
// of each account that it is about.
func (a *auditor) keep(by *operation.Caller, touched operation.Resource) error {
	caller := auditIdentity(by.Identity.(*account.Caller))
	own := a.of(by.Account)
	if own.Keep(&caller, by.Policies == nil) != nil {
		return fault.Throttled() // so that clients try again
	}
	if other := a.other(by.Account, &touched); other != nil {
		stranger := ofAccount(&caller)
		if other.Keep(&stranger, false) != nil {
			own.Leave(&caller)
			return fault.Throttled()
		}
	}
	return nil
}

// ofAccount is an identity as another account sees it.
func ofAccount(i *audit.Identity) audit.Identity {
	return audit.Identity{Type: audit.OfAccount, PrincipalID: i.PrincipalID, Account: i.Account}
}

// changes tells whether an action changes what was set up.
func changes(of *service.Service, action string) bool {
	return !isData(of, action) && !isReadOnly(of, action)
}

func isData(of *service.Service, action string) bool {
	return of.Audit.DataEvent != nil && of.Audit.DataEvent(action)
}

func isReadOnly(of *service.Service, action string) bool {
	return (readsOnly(action) || slices.Contains(of.Audit.Reads, action)) && !slices.Contains(of.Audit.Changes, action)
}

// kindOf tells to which of the trails a call belongs. One that failed for a reason that
// is ours may have been done.
func kindOf(o *operation.Answered) audit.Kind {
	switch f := o.Fault; {
	case o.Kept && (f == nil || f.Kind == fault.Internal):
		return audit.Changes
	case o.Caller.Account == "", f != nil && refuses(f, o.Operation.API.Model.NotPermitted):
		return audit.Refused
	}
	return audit.Calls
}

// refuses tells whether a fault says that the caller may not, or not that often.
func refuses(f *fault.Fault, notPermitted string) bool {
	switch f.Kind {
	case fault.Throttling, fault.AccessDenied, fault.Unsigned, fault.IncompleteSignature, fault.UnknownKey, fault.BadSignature, fault.ExpiredToken:
		return true
	}
	return f.Kind == 0 && notPermitted != "" && f.Code == notPermitted
}

// record records a call.
func (a *auditor) record(o *operation.Answered) error {
	of, action := a.services[o.Operation.API.Service], o.Operation.Name
	data := isData(of.Service, action)
	if data && !a.all {
		return nil
	}
	r := o.Request
	c := audit.Call{
		Kind: kindOf(o), Kept: o.Kept,
		Time: o.At, Service: of.Name, Action: action, RequestID: o.RequestID,
		ReadOnly: isReadOnly(of.Service, action), DataEvent: data,
		Account: a.account, Region: a.region, SourceIP: sourceIP(r), UserAgent: r.UserAgent(),
		Identity: audit.Identity{Type: "Unknown"},
	}
	if r.TLS != nil {
		c.TLS = audit.TLS{
			Version: strings.Replace(tls.VersionName(r.TLS.Version), "TLS ", "TLSv", 1),
			Cipher:  tls.CipherSuiteName(r.TLS.CipherSuite), Host: r.Host,
		}
	}
	if caller, ok := o.Caller.Identity.(*account.Caller); ok {
		c.Identity = auditIdentity(caller)
		c.Account = o.Caller.Account
		if !of.Global {
			c.Region = o.Caller.Region
		}
	}
	c.Identity.AccessKey = o.AccessKey
	c.Request = a.shown(of, c.Kind, o.Input)
	if o.Fault != nil {
		c.ErrorCode, c.ErrorMessage = o.Fault.Name(), o.Fault.Message
	} else if !c.ReadOnly {
		c.Response = a.output(of, c.Kind, o)
	}
	if o.Touched.ARN != "" {
		c.Resources = []audit.Resource{{ARN: o.Touched.ARN, Account: cmp.Or(o.Touched.Account, c.Account), Type: o.Touched.Type}}
	}
	return a.recordIn(&c, &o.Touched)
}

// recordIn records a call in the account that it came from and, if it touched what is of
// another one, there too, as CloudTrail does: of what failed nothing, and the caller as
// somebody of an account.
func (a *auditor) recordIn(c *audit.Call, touched *operation.Resource) error {
	other := a.other(c.Identity.Account, touched)
	if other == nil {
		return a.of(c.Account).Record(c)
	}
	there := *c
	there.Identity, there.Account = ofAccount(&c.Identity), touched.Account
	if c.Kind == audit.Refused || c.ErrorCode != "" && c.Kind != audit.Changes { // one that may have been done counts as done
		if c.Kept {
			other.Leave(&there.Identity)
		}
		return a.of(c.Account).Record(c)
	}
	c.SharedID = random[[16]byte]()
	there.SharedID = c.SharedID
	return errors.Join(a.of(c.Account).Record(c), other.Record(&there))
}

// shown shows what was decoded or answered, not what was sent: what nobody reads is no
// part of it.
func (a *auditor) shown(of audited, kind audit.Kind, v any) audit.Shown {
	written, ok := v.(interface{ AppendJSON([]byte) []byte })
	if !ok {
		return nil
	}
	b := rooms.Get().(*[]byte)
	*b = written.AppendJSON((*b)[:0])
	shown := of.members.Show(*b, kind, a.data)
	if cap(*b) <= roomBytesKept {
		rooms.Put(b)
	}
	return shown
}

// rooms are for inputs and outputs as JSON, before the trail has picked what it
// shows.
var rooms = sync.Pool{New: func() any { return new([]byte) }}

const roomBytesKept = 64 << 10

func (a *auditor) output(of audited, kind audit.Kind, o *operation.Answered) audit.Shown {
	if o.Operation.Protocol == awsquery.Name {
		return a.shown(of, kind, o.Output)
	}
	return of.members.Show(o.Answer.Body, kind, a.data) // which is JSON
}

// readsOnly tells whether an action changes nothing, by the names that AWS gives.
func readsOnly(action string) bool {
	for _, verb := range []string{"Count", "Describe", "Get", "List", "Simulate", "Validate"} {
		if strings.HasPrefix(action, verb) {
			return true
		}
	}
	return false
}

func auditIdentity(c *account.Caller) audit.Identity {
	i := audit.Identity{
		Type: "Root", PrincipalID: c.UserID, ARN: c.Principal.ARN, Account: c.Account, AccessKey: c.KeyID,
	}
	switch c.Of.Type {
	case account.User:
		i.Type, i.UserName = "IAMUser", c.Of.Name
	case account.Role:
		i.Type, i.ARN = "AssumedRole", c.Principal.Session
		role, _, _ := strings.Cut(c.UserID, ":")
		i.Session.Issuer = audit.Issuer{
			Type: "Role", PrincipalID: role, ARN: c.Principal.ARN, Account: c.Account, UserName: c.Of.Name,
		}
	}
	if c.Session {
		for _, known := range c.Context {
			if known.Key == "aws:TokenIssueTime" {
				// It was written by identity; a time that can't be read is left out.
				i.Session.Created, _ = time.Parse(time.RFC3339, known.Value)
			}
		}
	}
	return i
}
