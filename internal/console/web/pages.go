package web

// pages are all pages, one row each.
var pages = []page{
	{"GET " + Prefix + "{region}/{$}", (*visit).domains},
	{"GET " + Prefix + "{region}/{domain}", (*visit).domain},
	{"GET " + Prefix + "{region}/{domain}/executions", (*visit).executions},
	{"GET " + Prefix + "{region}/{domain}/executions/{workflow}", (*visit).run},
	{"GET " + Prefix + "{region}/{domain}/executions/{workflow}/{run}", (*visit).execution},
	{"GET " + Prefix + "{region}/{domain}/executions/{workflow}/{run}/events/{event}/{member}", (*visit).member},
	{Prefix + "{region}/{domain}/executions/{workflow}/{run}/signal", (*visit).signal},
	{Prefix + "{region}/{domain}/executions/{workflow}/{run}/cancel", (*visit).cancel},
	{Prefix + "{region}/{domain}/executions/{workflow}/{run}/terminate", (*visit).terminate},
	{Prefix + "{region}/{domain}/executions/{workflow}/{run}/rerun", (*visit).rerun},
	{Prefix + "{region}/{domain}/executions/-start", (*visit).start},
	{"GET " + Prefix + "{region}/{domain}/types", (*visit).workflowTypes},
	{"GET " + Prefix + "{region}/{domain}/types/{kind}", (*visit).types},
	{Prefix + "{region}/{domain}/types/{kind}/-register", (*visit).registerType},
	{"GET " + Prefix + "{region}/{domain}/types/{kind}/{name}/{version}", (*visit).typePage},
	{Prefix + "{region}/{domain}/types/{kind}/{name}/{version}/{do}", (*visit).typeDoing},
	{Prefix + "{region}/{domain}/-deprecate", (*visit).deprecateDomain},
	{Prefix + "{region}/{domain}/-undeprecate", (*visit).undeprecateDomain},
	{Prefix + "{region}/-register", (*visit).registerDomain},
	{"GET " + Prefix + "{region}/{domain}/lists", (*visit).lists},
	{"GET " + Prefix + "{region}/{domain}/lists/{kind}/{list}", (*visit).list},
	{"GET " + Prefix + "{region}/-server", (*visit).server},
	{"GET " + Prefix + "{region}/-refusals", (*visit).refusals},
	{"GET " + Prefix + "{region}/-you", (*visit).you},
}
