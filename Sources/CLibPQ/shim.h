// libpq, PostgreSQL's own C client (14 or newer, for pipeline mode). No logic here.
#include <libpq-fe.h>
