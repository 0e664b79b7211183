// Package dataexchange serves AWS Data Exchange: a file per noun, with a small function for
// each action from a valid, typed input to a command for a run and back to a typed output.
// What a command does is decided by the rules in package catalog; how it becomes durable, by
// the kernel. What jobs do with bytes, a performer does (perform.go).
//
// Source of all shapes, units and faults: AWS Data Exchange API Reference 2017-07-25. What is
// not offered says so: assets that are no copies of bytes.
//
// A data set that is granted is seen by its receiver as one of their own world, and is
// read in its owner's (access.go).
package dataexchange

import (
	"context"
	"slices"
	"time"

	"heddle/internal/aws/operation"
	"heddle/internal/aws/restjson"
	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/dataexchange/signedurl"
	"heddle/internal/dataexchange/wire"
	"heddle/internal/engine"
	"heddle/internal/service"
)

// Options are the settings of the service.
type Options struct {
	Limits            catalog.Limits `embed:"" prefix:"limit-dx-" envprefix:"HEDDLE_LIMIT_DX_" group:"Limits"`
	OwnedEventActions bool           `name:"dx-owned-event-actions" env:"HEDDLE_DX_OWNED_EVENT_ACTIONS" help:"Data Exchange: event actions on data sets of one's own, too, which AWS refuses. They are done when a revision is finalized."`
	PublicURL         string         `name:"public-url" env:"HEDDLE_PUBLIC_URL" placeholder:"URL" help:"Data Exchange: how clients reach this server, for its signed URLs; else as the call that asks for one came."`
	ReportEvery       int            `kong:"-" default:"64" min:"1" max:"10000"` // after how many assets an export tells its job, and asks whether it may go on
	AutoExportRetry   time.Duration  `name:"dx-auto-export-retry" default:"24h" min:"1ms" max:"720h" env:"HEDDLE_DX_AUTO_EXPORT_RETRY" help:"Data Exchange: for how long jobs of event actions try again what S3 or KMS refuses. AWS does not."`
}

// Service is Data Exchange for the server.
func Service() *service.Service {
	o := &Options{}
	return &service.Service{
		Name:     resource.Service,
		Options:  o,
		Crossing: crossing,
		Rules: func() map[engine.Kind]engine.Rules {
			settings := &catalog.Settings{Limits: o.Limits, AutoExportRetry: o.AutoExportRetry}
			return map[engine.Kind]engine.Rules{
				catalog.KindAccount:  catalog.NewAccounts(settings),
				catalog.KindDataSet:  catalog.NewDataSets(settings),
				catalog.KindRevision: catalog.NewRevisions(settings),
				catalog.KindJob:      catalog.NewJobs(settings),
				catalog.KindGrant:    catalog.NewGrants(),
				catalog.KindEntitled: catalog.NewEntitlements(),
			}
		},
		Unlimited: unlimited(),
		Begins:    []string{"CreateDataSet", "CreateRevision", "CreateJob", "StartJob", "CreateEventAction", "CreateDataGrant"},
		Audit:     service.Audit{DataEvent: isDataEvent, Members: members},
		Open:      func(k *service.Kernel) (*service.Opened, error) { return open(k, o), nil },
	}
}

// actions handles the actions of Data Exchange.
type actions struct {
	*service.Kernel
	options *Options
}

func open(k *service.Kernel, o *Options) *service.Opened {
	s := &actions{Kernel: k, options: o}
	return &service.Opened{
		Model:      operation.Model{MessageMember: "Message", Faults: faults()},
		Operations: slices.Concat(s.dataSetRows(), s.revisionRows(), s.assetRows(), s.jobRows(), s.eventActionRows(), s.grantRows(), s.tagRows()),
		Parts:      []service.Part{{Name: "jobs of Data Exchange", Service: newPerformer(s)}},
		Paths:      []service.Path{{Prefix: signedurl.Path, Handler: s.urls()}},
	}
}

// row is the row of an action with an output.
func row[In, Out any, I restjson.Input[In], O restjson.Output[Out]](s *actions, name string, handler func(context.Context, *In) (*Out, error), options ...operation.Option) operation.Operation {
	method, uri := route(name)
	return restjson.Operation[In, Out, I, O](name, method, uri, handler, about[In](s, name), options...)
}

// silent is the row of an action without one.
func silent[In any, I restjson.Input[In]](s *actions, name string, handler func(context.Context, *In) error, options ...operation.Option) operation.Operation {
	method, uri := route(name)
	return restjson.WithoutOutput[In, I](name, method, uri, handler, about[In](s, name), options...)
}

// route is how the model has an action called.
func route(name string) (method, uri string) {
	i := slices.IndexFunc(wire.Operations, func(o wire.Operation) bool { return o.Name == name })
	return wire.Operations[i].Method, wire.Operations[i].URI
}

// largeBody bounds the bodies of calls with tags, descriptions or lists of assets: their
// characters may take six bytes each.
var largeBody = operation.WithBodyMax(1 << 20)

// worldOf is the world of the caller.
func worldOf(ctx context.Context) engine.World {
	c := operation.CallerOf(ctx)
	return engine.World{Account: c.Account, Region: c.Region}
}

// name is what a thing of a world is called.
func name(w engine.World, t resource.Type, id string, above ...string) string {
	return resource.Of(w.Region, w.Account, t, id, above...).String()
}

// value is an optional member's value; the zero value if it is absent.
func value[T any](v *T) (t T) {
	if v != nil {
		t = *v
	}
	return t
}

// present makes an optional member of a string; an empty one is absent.
func present(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// moment makes an optional member of a time; zero is absent.
func moment(t engine.Time) *wire.Timestamp {
	if t == 0 {
		return nil
	}
	return new(wire.Timestamp(t))
}

// do gives a command to the thing of an id. Errors: ResourceNotFoundException, and those of
// the command.
func (s *actions) do(ctx context.Context, kind engine.Kind, id string, body any) (any, error) {
	return s.doIn(ctx, worldOf(ctx), kind, id, body)
}

// doIn is do in any world.
func (s *actions) doIn(ctx context.Context, w engine.World, kind engine.Kind, id string, body any) (any, error) {
	cmd, ok := catalog.Command(w, kind, id, body)
	if !ok {
		return nil, missing(kind, id)
	}
	reply, err := s.Runs.Do(ctx, cmd)
	return reply, faultOf(err, kind, id)
}

// create counts a thing with its owner, and makes it. The owner has sent a message that
// makes it too, so whichever comes first does.
func (s *actions) create(ctx context.Context, owner, thing engine.Command) (any, error) {
	ctx = context.WithoutCancel(ctx)
	if _, err := s.Runs.Do(ctx, owner); err != nil {
		return nil, err
	}
	thing.Begin = engine.IfAbsent
	return s.Runs.Do(ctx, thing)
}

// faults are the codes that each operation may give: those of the model, and those that it
// gives all the same, since there is no other way to say it.
func faults() map[string][]string {
	all := wire.Faults()
	for name, more := range map[string][]string{
		"CreateRevision":      {wire.CodeServiceLimitExceededException},
		"StartJob":            {wire.CodeServiceLimitExceededException},
		"ListTagsForResource": {wire.CodeResourceNotFoundException},
		"TagResource":         {wire.CodeResourceNotFoundException},
		"UntagResource":       {wire.CodeResourceNotFoundException},
	} {
		all[name] = append(slices.Clip(all[name]), more...)
	}
	return all
}
