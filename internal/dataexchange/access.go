package dataexchange

import (
	"context"

	"heddle/internal/dataexchange/catalog"
	"heddle/internal/dataexchange/resource"
	"heddle/internal/engine"
	"heddle/internal/visibility"
)

// dataSet is a data set as somebody sees it: one of their own, or what a grant shows of
// another's. All that asks what is in one asks here, so that nobody sees more than a grant
// shows, nor longer.
type dataSet struct {
	*catalog.DataSet
	actions *actions
	world   engine.World   // who sees it
	grant   *catalog.Grant // nil: it is their own
}

// find finds the data set that a world knows by an id. Errors: ResourceNotFoundException.
func (s *actions) find(ctx context.Context, w engine.World, id string) (*dataSet, error) {
	reply, err := s.doIn(ctx, w, catalog.KindDataSet, id, &catalog.Describe{})
	if err == nil {
		return &dataSet{reply.(*catalog.DataSet), s, w, nil}, nil
	}
	if !isMissing(err) {
		return nil, err
	}
	none := err
	reply, err = s.doIn(ctx, w, catalog.KindEntitled, id, &catalog.Describe{})
	if err == nil {
		if g := reply.(*catalog.Grant); s.shows(g) {
			return s.entitled(w, g), nil
		}
		return nil, none
	}
	if !isMissing(err) {
		return nil, err
	}
	// Its sender sees what the receiver does.
	place := visibility.Place{Kind: catalog.KindGrant, World: w, Family: catalog.ByEntitled, Value: id}
	page, err := s.Visibility.List(ctx, place, visibility.Any, true, nil, 1, answerBytesMax)
	if err != nil || len(page.Runs) == 0 {
		return nil, orElse(err, none)
	}
	g, err := s.sent(ctx, w, page.Runs[0].Run.String())
	if isMissing(err) {
		err = none
	}
	if err != nil {
		return nil, err
	}
	return s.entitled(w, g), nil
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// shows tells whether a grant shows its receiver anything now. With an account that is not
// served nobody has to do.
func (s *actions) shows(g *catalog.Grant) bool {
	return g.Accepted != 0 && !g.Over(s.Clock()) && s.Accounts.Has(g.Sender)
}

// entitled is what a grant shows.
func (s *actions) entitled(w engine.World, g *catalog.Grant) *dataSet {
	shown := &catalog.DataSet{ID: g.DataSet, Name: g.SetName, Description: g.SetDescription, Created: g.Created, Updated: g.Created}
	return &dataSet{shown, s, w, g}
}

// dataSet finds a data set of the caller's. Errors: ResourceNotFoundException.
func (s *actions) dataSet(ctx context.Context, id string) (*dataSet, error) {
	return s.find(ctx, worldOf(ctx), id)
}

// own finds a data set that the caller may change. Errors: ResourceNotFoundException,
// ValidationException.
func (s *actions) own(ctx context.Context, id string) (*dataSet, error) {
	d, err := s.dataSet(ctx, id)
	if err == nil && d.grant != nil {
		return nil, invalid("Data set %s is entitled: it can't be changed or granted.", id)
	}
	return d, err
}

// named is the world that names of the data set have: what is entitled has no account.
func (d *dataSet) named() engine.World {
	w := d.world
	if d.grant != nil {
		w.Account = ""
	}
	return w
}

// isSenders tells whether it is what the sender of a grant sees of it.
func (d *dataSet) isSenders() bool { return d.grant != nil && d.grant.Sender == d.world.Account }

// sourceOf is the id of the source of something entitled, for who has that; nil: it is not
// told.
func (d *dataSet) sourceOf(id string) *string {
	if !d.isSenders() {
		return nil
	}
	source, _ := d.grant.SourceOf(id)
	return &source
}

// source is where the runs are that hold what the data set shows, and what they call it.
func (d *dataSet) source(id string) (w engine.World, source string, ok bool) {
	if d.grant == nil {
		return d.world, id, true
	}
	w = engine.World{Account: d.grant.Sender, Region: d.world.Region}
	source, ok = d.grant.SourceOf(id)
	return w, source, ok
}

// describe finds a revision of the data set; of another's, one that is published. Errors:
// ResourceNotFoundException.
func (d *dataSet) describe(ctx context.Context, id string) (*catalog.Revision, error) {
	w, source, ok := d.source(id)
	if !ok {
		return nil, missing(catalog.KindRevision, id)
	}
	reply, err := d.actions.doIn(ctx, w, catalog.KindRevision, source, &catalog.Describe{})
	if isMissing(err) {
		return nil, missing(catalog.KindRevision, id)
	}
	if err != nil {
		return nil, err
	}
	r := reply.(*catalog.Revision)
	if d.grant == nil && r.DataSet != d.ID || d.grant != nil && (r.DataSet != d.grant.Source || r.PublishedAt == 0) {
		return nil, missing(catalog.KindRevision, id)
	}
	return d.revision(r), nil
}

// revision is what the data set shows of a revision that it has.
func (d *dataSet) revision(r *catalog.Revision) *catalog.Revision {
	if d.grant == nil {
		return r
	}
	shown := *r
	shown.ID, shown.DataSet, shown.Created, shown.Tags = d.grant.Entitled(r.ID), d.ID, r.PublishedAt, nil
	return &shown
}

// asset is what the data set shows of an asset that a revision of it has.
func (d *dataSet) asset(r *catalog.Revision, a *catalog.Asset) *catalog.Asset {
	if d.grant == nil {
		return a
	}
	shown := *a
	shown.ID, shown.Created, shown.Updated, shown.Tags = d.grant.Entitled(a.ID), r.PublishedAt, r.PublishedAt, nil
	return &shown
}

// findAsset finds an asset of a revision that the data set has. Errors:
// ResourceNotFoundException.
func (d *dataSet) findAsset(ctx context.Context, r *catalog.Revision, id string) (*catalog.Asset, error) {
	w, revision, _ := d.source(r.ID)
	_, source, ok := d.source(id)
	if !ok {
		return nil, missing(kindAsset, id)
	}
	cmd, _ := catalog.Command(w, catalog.KindRevision, revision, &catalog.FindAsset{ID: source})
	reply, err := d.actions.Runs.Do(ctx, cmd)
	if err != nil {
		return nil, faultOf(err, kindAsset, id)
	}
	return d.asset(r, reply.(*catalog.Asset)), nil
}

// assets gives a page of the assets of a revision that the data set has. Errors:
// ResourceNotFoundException.
func (d *dataSet) assets(ctx context.Context, r *catalog.Revision, list *catalog.ListAssets) (page catalog.AssetPage, err error) {
	w, revision, _ := d.source(r.ID)
	ask := *list
	if list.After != nil {
		after := *list.After
		_, after.ID, _ = d.source(after.ID)
		ask.After = &after
	}
	reply, err := d.actions.doIn(ctx, w, catalog.KindRevision, revision, &ask)
	if isMissing(err) {
		return page, missing(catalog.KindRevision, r.ID)
	}
	if err != nil {
		return page, err
	}
	page = reply.(catalog.AssetPage)
	shown := make([]*catalog.Asset, len(page.Assets))
	for i, a := range page.Assets {
		shown[i] = d.asset(r, a)
	}
	page.Revision, page.Assets = r, shown
	return page, nil
}

// wasEntitled tells whether an id is that of a data set to which a grant has, or lately had,
// entitled somebody.
func (s *actions) wasEntitled(ctx context.Context, id string) (bool, error) {
	run, ok := catalog.ParseID(id)
	if !ok {
		return false, nil
	}
	v, err := s.Runs.View(ctx, engine.Name{}, run)
	switch {
	case isMissing(err):
		return false, nil
	case err != nil:
		return false, err
	}
	return v.Name.Kind == catalog.KindEntitled, nil
}

// arnOf is what a thing in the data set is called.
func (d *dataSet) arnOf(t resource.Type, id string, above ...string) string {
	return name(d.named(), t, id, above...)
}
