// zlib, for backups. No logic here.
#include <zlib.h>
