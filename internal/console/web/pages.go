package web

// pages are all pages, one row each.
var pages = []page{
	{"GET " + Prefix + "{region}/{$}", (*visit).domains},
	{"GET " + Prefix + "{region}/{domain}", (*visit).domain},
	{"GET " + Prefix + "{region}/{domain}/executions", (*visit).executions},
	{"GET " + Prefix + "{region}/{domain}/lists", (*visit).lists},
	{"GET " + Prefix + "{region}/{domain}/lists/{kind}/{list}", (*visit).list},
	{"GET " + Prefix + "{region}/-server", (*visit).server},
	{"GET " + Prefix + "{region}/-refusals", (*visit).refusals},
	{"GET " + Prefix + "{region}/-you", (*visit).you},
}
