package mutants

// Domains and types.
var registries = []Mutant{{
	Name: "types-stay-when-their-domain-goes",
	In:   "registry.(*entry).shown",
	Old:  "t.DeprecatedAt == 0 && e.seen < s.Count",
	New:  "t.DeprecatedAt == 0 && e.seen > s.Count",
	Bug:  "Deprecating a domain leaves its types registered.",
}, {
	Name: "domain-tag-lost",
	In:   "collection.SameKey.With",
	Old:  "all = append(all, t)",
	New:  "_ = t",
	Bug:  "Adding a tag to a domain takes away the others, and whatever policies rest on them.",
}, {
	Name: "types-off-by-one",
	In:   "registry.(*Types).register",
	Old:  "len(l.entries) >= t.limits.TypesPerDomainMax",
	New:  "len(l.entries) > t.limits.TypesPerDomainMax",
	Bug:  "A domain has one type more than the limit.",
}, {
	Name: "registered-type-deleted",
	In:   "registry.(*Types).delete",
	Old:  "if found.DeprecatedAt == 0 {\n\t\treturn engine.Turn{}, &TypeNotDeprecatedError{c.ID}\n\t}",
	New:  "_ = found",
	Bug:  "A type in use is deleted without a word.",
}, {
	Name: "registry-change-not-seen",
	In:   "swf.(*actions).changeDomain",
	Old:  "_, err := s.askDomain(ctx, worldOf(ctx), name, body)\n\ts.catalog.invalidate()",
	New:  "_, err := s.askDomain(ctx, worldOf(ctx), name, body)",
	Bug:  "For a second a deprecated domain takes executions, and a new tag does not count.",
}, {
	Name: "catalog-asked-by-all",
	In:   "swf.(*catalog).asks",
	Old:  "e.asked = true",
	New:  "_ = e.asked",
	Bug:  "Twice a second all calls under way ask the registry for the same type.",
}}
