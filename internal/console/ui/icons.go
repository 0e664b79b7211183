package ui

// icons are drawn on 16 by 16, by lines of 1.9.
var icons = map[string]string{
	"domains":    `<path d="M2.5 3h4.5v4.5H2.5zM9 3h4.5v4.5H9zM2.5 9.5h4.5v4H2.5zM9 9.5h4.5v4H9z"/>`,
	"overview":   `<path d="M2.5 13.5V9M6.2 13.5V5M9.9 13.5V8M13.5 13.5V2.5"/>`,
	"executions": `<path d="M2.5 4h11M2.5 8h7M2.5 12h9"/>`,
	"types":      `<path d="M8 2.2l5.5 3v5.6L8 13.8l-5.5-3V5.2zM2.8 5.3L8 8.2l5.2-2.9M8 8.2v5.4"/>`,
	"lists":      `<path d="M2.5 3.5h11v3h-11zM2.5 9.5h11v3h-11z"/>`,
	"server":     `<path d="M2.5 3h11v4h-11zM2.5 9h11v4h-11zM5 5h.1M5 11h.1"/>`,
	"refusals":   `<path d="M8 2.3a5.7 5.7 0 1 0 0 11.4A5.7 5.7 0 0 0 8 2.3zM4.2 4.2l7.6 7.6"/>`,
	"you":        `<path d="M8 2.5a2.7 2.7 0 1 0 0 5.4 2.7 2.7 0 0 0 0-5.4zM2.8 13.6c.6-2.5 2.6-3.8 5.2-3.8s4.6 1.3 5.2 3.8"/>`,
	"file":       `<path d="M4 1.8h5.5L13 5.3v8.9H4zM9.3 1.8v3.7H13"/>`,
	"machines":   `<path d="M6 2.2h4v3H6zM2 10.8h4v3H2zM10 10.8h4v3h-4zM8 5.2v2.6M4 10.8V7.8h8v3"/>`,
	"find":       `<path d="M7 2.5a4.5 4.5 0 1 0 0 9 4.5 4.5 0 0 0 0-9zM10.4 10.4l3.2 3.2"/>`,
	"start":      `<path d="M4.5 2.8v10.4L13 8z"/>`,
	"warning":    `<path d="M8 2.2l6.2 11.3H1.8zM8 6.4v3.2M8 11.6v.1"/>`,
	"back":       `<path d="M10 3L5 8l5 5"/>`,
	"theme":      `<path d="M8 2.3a5.7 5.7 0 1 0 0 11.4zM8 2.3a5.7 5.7 0 0 1 0 11.4"/>`,
	"poll":       `<path d="M2.5 8a5.5 5.5 0 0 1 9.6-3.6M13.5 8a5.5 5.5 0 0 1-9.6 3.6M12.4 1.8v2.9H9.5M3.6 14.2v-2.9h2.9"/>`,
}
