"""The console: how the bridge is doing, for people (pages) and for machines (health, metrics).

Enters: HTTP requests. Leaves: server-rendered pages, events (SSE), JSON and the Prometheus text
format.

How to add a page:

1. `pages/<page>.py`: a function `<page>_router(view, ...)` that gives an APIRouter. What it shows
   it asks of a service that is passed in. Who may see it says the type of a parameter: `user:
   Viewer`, `user: Operator` or `user: Admin` (`access`); requests that change something take
   `form: Form` (`forms`), and their CSRF token has been checked by then. Patient data is shown
   after `RecordView.seen` or `.sought` (`services.audit`); an action's service writes its own
   audit row in the transaction of the change.
2. `templates/<page>.html` extends `page.html`, with blocks `title` and `main`, and is rendered by
   `view.page(request, "<page>.html", **values)`. Each form that posts holds `{{ csrf_field }}`.
   No script and no style in it: CSS goes to `static/console.css`, script to `static/console.js`.
   Rows that j and k walk over are those of a `table.rows`; Enter opens a row's first link.
3. Text: `{{ _("Like this") }}` or `{% trans %}` in templates, `N_("…")` for words that Python hands
   over, `| word` for the words of states (`words`). The Vietnamese goes to a file of
   `locale/vi/LC_MESSAGES/` (each page may have its own .po); `python -m tools.catalogues` says
   what is missing and compiles.
4. An entry in `navigation.ENTRIES`, and the router in the list of `wiring/console.py`.
"""
