"""How lists are paged."""

from rest_framework.pagination import CursorPagination


class Cursor(CursorPagination):
    """Newest first, 50 a page; `?page_size=` up to 200."""

    ordering = "-pk"
    page_size_query_param = "page_size"
    max_page_size = 200
