"""The console's pages: each module gives the router of one."""
