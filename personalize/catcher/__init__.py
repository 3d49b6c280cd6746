"""The local mail catcher: takes every mail over SMTP, passes none on, and shows them in the browser."""
