// Package catalog holds the rules of what Data Exchange has: data sets, their revisions with
// assets, event actions, jobs, and grants of data sets to other accounts.
//
// There are six kinds of run. "dataexchange-account" is a world's account, which never
// closes: it counts what there may be only so much of, has the event actions, and knows which
// jobs are in progress. "dataexchange-data-set", "dataexchange-revision", "dataexchange-job",
// "dataexchange-grant" and "dataexchange-entitled" are one thing each, whose id is the id of
// its run. A revision closes when it is finalized, and may open again; a job closes when it
// has ended. A grant is its sender's; what its receiver has of it is an entitled data set, in
// the receiver's world.
//
// What one run wants of another it says by message, so that each step of a publication is
// done once, whatever is killed meanwhile:
//
//	revision is finalized ─► data set ─► account ─► a job for each event action of the set
//	                                  └► entitled data sets ─► their accounts ─► the same
//	revision is revoked ─► data set ─► entitled data sets, if somebody outside wants to hear
//	job has its bytes ─► revision takes the assets ─► job is completed ─► account
//	account counts a grant ─► data set ─► grant ─► entitled data set ─► grant: its id
//	entitled data set is accepted ─► grant ─► account
//	grant is deleted, or over ─► entitled data set, account and data set
//
// Whoever makes a thing tells its owner first, which counts it and sends the same command by
// message. So a thing that is counted comes to be, though its maker is killed.
//
// Reads are commands too, so that they answer what is durable. A command for a thing that is
// not there gets engine.UnknownRunError.
package catalog

import (
	"encoding/hex"
	"fmt"
	"time"

	"heddle/internal/engine"
	"heddle/internal/engine/collection"
	"heddle/internal/options"
	"heddle/internal/pack"
)

// The kinds. The key of a thing is its seed, in hexadecimal digits: its id without the
// shard. So its name follows from its id.
const (
	KindAccount  engine.Kind = "dataexchange-account" // its key is empty
	KindDataSet  engine.Kind = "dataexchange-data-set"
	KindRevision engine.Kind = "dataexchange-revision"
	KindJob      engine.Kind = "dataexchange-job"
	KindGrant    engine.Kind = "dataexchange-grant"
	KindEntitled engine.Kind = "dataexchange-entitled"
)

// Limits are the quotas, for an account and region.
//
// Source: Data Exchange User Guide, "Service quotas".
type Limits struct {
	DataSetsMax           int `name:"data-sets" env:"DATA_SETS" default:"3000" min:"1" max:"100000" help:"Data sets per account and region."`
	RevisionsMax          int `name:"revisions" env:"REVISIONS" default:"10000" min:"1" max:"100000" help:"Revisions per data set."`
	AssetsMax             int `name:"assets" env:"ASSETS" default:"10000" min:"1" max:"10000" help:"Assets per revision."`
	AssetGigabytesMax     int `name:"asset-gigabytes" env:"ASSET_GIGABYTES" default:"100" min:"1" max:"5000" help:"Size of an asset, in GB."`
	EventActionsMax       int `name:"event-actions" env:"EVENT_ACTIONS" default:"50" min:"1" max:"10000" help:"Event actions per account and region."`
	DataSetActionsMax     int `name:"data-set-event-actions" env:"DATA_SET_EVENT_ACTIONS" default:"5" min:"1" max:"10000" help:"Event actions per data set."`
	ImportJobsMax         int `name:"import-jobs" env:"IMPORT_JOBS" default:"10" min:"1" max:"10000" help:"Jobs in progress that import from S3."`
	ImportURLJobsMax      int `name:"import-url-jobs" env:"IMPORT_URL_JOBS" default:"10" min:"1" max:"10000" help:"Jobs in progress that import from a signed URL."`
	ExportJobsMax         int `name:"export-jobs" env:"EXPORT_JOBS" default:"10" min:"1" max:"10000" help:"Jobs in progress that export assets to S3."`
	ExportURLJobsMax      int `name:"export-url-jobs" env:"EXPORT_URL_JOBS" default:"10" min:"1" max:"10000" help:"Jobs in progress that export an asset to a signed URL."`
	GrantsMax             int `name:"data-grants" env:"DATA_GRANTS" default:"1000" min:"1" max:"10000" help:"Data grants that an account has made in a region and that are not over."`
	PendingGrantsMax      int `name:"pending-data-grants" env:"PENDING_DATA_GRANTS" default:"20" min:"1" max:"10000" help:"Of these, grants to one receiver that has not accepted them."`
	ExportRevisionJobsMax int `name:"export-revision-jobs" env:"EXPORT_REVISION_JOBS" default:"5" min:"1" max:"10000" help:"Jobs in progress that export revisions to S3. Of those of event actions more wait in line."`
}

// DefaultLimits are the service's own.
func DefaultLimits() Limits { return options.Defaults[Limits]() }

// Quotas that are no settings: per job, and per thing.
const (
	ItemsMax      = 100 // sources or destinations of a job
	TagsMax       = 50
	NameBytesMax  = 1024 // of an asset's name, which becomes a key
	SignedURLGB   = 5
	PageMax       = 200
	PageDefault   = 100
	fanOutMax     = 200 // jobs that one turn begins, runs that one turn deletes
	day           = engine.Time(24 * 60 * 60 * 1000)
	JobKept       = 90 * day // after it was created
	JobTime       = day      // how long a job may be in progress
	URLTime       = engine.Time(60 * 60 * 1000)
	tombstoneTime = day // how long what was deleted is known to have been
)

// Names of quotas, as faults tell them (LimitName of the model).
const (
	LimitDataSets        = "Data sets per account"
	LimitRevisions       = "Revisions per data set"
	LimitAssets          = "Assets per revision"
	LimitAssetSize       = "Asset size in GB"
	LimitEventActions    = "Event actions per account"
	LimitGrants          = "Active and pending data grants"
	LimitPendingGrants   = "Pending data grants per consumer"
	LimitDataSetActions  = "Auto export event actions per data set"
	limitImport          = "Concurrent in progress jobs to import assets from Amazon S3"
	limitImportURL       = "Concurrent in progress jobs to import assets from a signed URL"
	limitExport          = "Concurrent in progress jobs to export assets to Amazon S3"
	limitExportURL       = "Concurrent in progress jobs to export assets to a signed URL"
	limitExportRevisions = "Concurrent in progress jobs to export revisions to Amazon S3"
	bytesInGB            = 1_000_000_000
)

// AssetBytesMax is how large an asset may be.
func (l *Limits) AssetBytesMax() int64 { return int64(l.AssetGigabytesMax) * bytesInGB }

// KeyOf is the key of a thing that grows from a seed.
func KeyOf(seed engine.Seed) string { return hex.EncodeToString(seed[:]) }

// ParseID reads the id of a data set, a revision or a job: 32 hexadecimal digits in small
// letters.
func ParseID(id string) (run engine.RunID, ok bool) {
	b, err := hex.DecodeString(id)
	if err != nil || len(b) != len(run) {
		return run, false
	}
	copy(run[:], b)
	return run, run.String() == id
}

// Command addresses a command to the thing of an id; false: nothing has that id.
func Command(w engine.World, kind engine.Kind, id string, body any) (engine.Command, bool) {
	run, ok := ParseID(id)
	if !ok {
		return engine.Command{}, false
	}
	return engine.Command{Name: engine.Name{World: w, Kind: kind, Key: hex.EncodeToString(run[2:])}, Run: run, Body: body}, true
}

// CreateCommand addresses a command that makes a thing.
func CreateCommand(w engine.World, kind engine.Kind, seed engine.Seed, body any) engine.Command {
	return engine.Command{Name: engine.Name{World: w, Kind: kind, Key: KeyOf(seed)}, Begin: engine.Always, Seed: seed, Body: body}
}

// AccountCommand addresses a command to the account.
func AccountCommand(w engine.World, body any) engine.Command {
	makes := false
	switch body.(type) {
	case *AddDataSet, *CreateEventAction, *Admit: // the last two, of who has nothing but what is granted
		makes = true
	}
	return collection.Command(accountOf(w), body, makes)
}

func accountOf(w engine.World) engine.Name { return engine.Name{World: w, Kind: KindAccount} }

// Commands that several kinds take.
type (
	// Describe: the reply is the thing, a *DataSet, *Revision or *Job.
	Describe struct{}
	// Tag sets tags, Untag takes them away as far as they are there. The reply is the thing.
	// Errors: *TagError, *TooManyTagsError.
	Tag   struct{ Tags []collection.Tag }
	Untag struct{ Keys []string }
	// Delete deletes a data set with its revisions, or a revision. It has no reply. Errors:
	// *StateError.
	Delete struct{}
)

// message is a command that comes from another run.
type message interface{ Code(c *pack.Coder) }

var messages = pack.NewTypes(map[byte]message{
	1: &CreateDataSet{}, 2: &CreateRevision{}, 3: &createJob{}, 4: &Start{},
	5: &dataSetGone{}, 6: &revisionGone{}, 7: &purge{}, 8: &finalized{}, 9: &published{},
	10: &release{}, 11: &addAssets{}, 12: &added{},
	13: &AddGrant{}, 14: &CreateGrant{}, 15: &Entitle{}, 16: &Entitled{}, 17: &Accepted{}, 18: &grantAccepted{},
	19: &GrantOver{}, 20: &Withdraw{}, 21: &publish{}, 22: &refinalized{},
	23: &revoked{},
})

// send makes a message.
func send(to engine.Name, m message) engine.Message {
	c := pack.Writing([]byte{messages.Mark(m)})
	m.Code(c)
	return engine.Message{To: to, Body: c.Written()}
}

// begin makes a message that begins a run.
func begin(w engine.World, kind engine.Kind, seed engine.Seed, m message) engine.Message {
	to := send(engine.Name{World: w, Kind: kind, Key: KeyOf(seed)}, m)
	to.Begin, to.Seed = engine.Always, seed
	return to
}

// posted is what kinds have that take messages of which nobody wants to hear when they are
// refused: their sender's work was done, or their run has gone.
type posted struct{}

// DecodeMessage implements engine.MessagedRules.
func (posted) DecodeMessage(body []byte) (any, error) {
	c := pack.Reading(body)
	var mark byte
	c.Byte(&mark)
	m, ok := messages.New(mark)
	if !ok {
		return nil, fmt.Errorf("catalog: decode message: unknown mark %d", mark)
	}
	m.Code(c)
	return m, c.Done()
}

// Refused implements engine.MessagedRules.
func (posted) Refused(engine.Name, any, error) []engine.Message { return nil }

// keptNames are the traits of kinds that are found by their names when they are closed, too.
var keptNames = engine.Traits{KeepsNames: true, CutsLog: true}

// The visibility index: an entry's family is a filter, its value what it looks for.
// Entries are by the time of creation.
const (
	ByOwner           byte = 0x50 // all data sets: no value
	ByDataSet         byte = 0x51 // revisions, jobs: the data set's id
	ByAccount         byte = 0x52 // all jobs: no value
	ByRevision        byte = 0x53 // jobs: the revision's id
	ByDataSetRevision byte = 0x54 // jobs: both ids
	ByPublication     byte = 0x55 // revisions that are finalized, by when they were: the data set's id
	ByState           byte = 0x56 // grants, for their receiver: no value, or the acceptance state
	ByEntitled        byte = 0x57 // grants, for their sender: the entitled data set's id
)

// withTags gives the tags with more added; a key's new value replaces its old one. Errors:
// *TagError, *TooManyTagsError.
func withTags(tags, more []collection.Tag) ([]collection.Tag, error) {
	for i := range more {
		if flaw := more[i].Flaw(); flaw != "" {
			return nil, &TagError{more[i].Key, flaw}
		}
	}
	all := collection.Exactly.With(tags, more)
	if len(all) > TagsMax {
		return nil, &TooManyTagsError{}
	}
	return all, nil
}

// retag gives what the tags of a thing become by a command.
func retag(tags []collection.Tag, body any) (collection.TagChange, error) {
	now, err := tags, error(nil)
	switch c := body.(type) {
	case *Tag:
		now, err = withTags(tags, c.Tags)
	case *Untag:
		now = collection.Exactly.Without(tags, c.Keys)
	}
	return collection.TagsBetween(tags, now), err
}

// set changes what is given.
func set[T any](v *T, given *T) {
	if given != nil {
		*v = *given
	}
}

// Settings are what rules must know besides.
type Settings struct {
	Limits
	// AutoExportRetry is for how long jobs of event actions try again what S3 or KMS refuses.
	AutoExportRetry time.Duration
}
