/*
 * stuck.h - sessions of the HTTP front that cannot leave a failed transaction.
 */
#ifndef WF_PEOPLE_STUCK_H
#define WF_PEOPLE_STUCK_H

/*
 * From now on end this session when it is given a command in a failed transaction. To be called by sessions of the
 * front only; later calls do nothing.
 */
extern void wf_stuck_watch(void);

#endif
